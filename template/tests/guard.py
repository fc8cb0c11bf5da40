"""Keeps the tests away from the database and the settings of whoever runs them."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

import pytest
from dotenv import dotenv_values
from pydantic import ValidationError

from app.settings import PREFIX, PROJECT_DIR, Settings
from tests.databases import locate, settings_for


def forget_settings() -> None:
    """Have the tests do the same in every shell and beside every .env.

    Raises UsageError when TEST_DATABASE_URL cannot be used, or names the database of DATABASE_URL.
    """
    file = dotenv_values(PROJECT_DIR / ".env")
    names = ("DATABASE_URL", "MIGRATION_DATABASE_URL")
    urls = [where.get(name) for where in (os.environ, file) for name in names]
    for variable in list(os.environ):
        unprefixed = variable.upper() in {"DATABASE_URL", "MIGRATION_DATABASE_URL", "PORT"}
        if unprefixed or variable.upper().startswith(PREFIX):
            del os.environ[variable]
    Settings.model_config["env_file"] = None
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        return
    try:
        settings_for(server)
        used = locate(server)
    except ValueError as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        reason = reason.removeprefix("Value error, ")
        raise pytest.UsageError(f"TEST_DATABASE_URL: {reason}") from None
    if used.intersection(locations(filter(None, urls))):
        raise pytest.UsageError("TEST_DATABASE_URL: is the database of DATABASE_URL; name another")


def locations(urls: Iterable[str]) -> Iterator[tuple[object, ...]]:
    for url in urls:
        with suppress(ValueError):
            yield from locate(url)
