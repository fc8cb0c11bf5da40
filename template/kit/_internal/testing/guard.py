"""Keeps the tests away from the database and the settings of the user."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from dotenv import dotenv_values
from pydantic import ValidationError

from kit._internal.database import load_testing_dialect
from kit._internal.testing.service import TestedService
from kit.project import PROJECT_DIR
from kit.settings import prefix_of


def forget_settings(service: TestedService[Any]) -> None:
    """Have the tests do the same in every shell and beside every .env.

    Raises UsageError when TEST_DATABASE_URL cannot be used, or names the database of DATABASE_URL.
    """
    prefix = prefix_of(service.settings_class).upper()
    file = dotenv_values(PROJECT_DIR / ".env")
    names = {"DATABASE_URL", "MIGRATION_DATABASE_URL", *service.databases}
    urls = [where.get(name) for where in (os.environ, file) for name in names]
    unprefixed = {*names, *service.environment, "PORT"}
    for variable in list(os.environ):
        if variable.upper() in unprefixed or variable.upper().startswith(prefix):
            del os.environ[variable]
    os.environ.update(service.environment)
    service.settings_class.model_config["env_file"] = None
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        return
    try:
        with pytest.MonkeyPatch.context() as patch:
            # Only here: processes that this one starts take it for a variable of the user.
            name_databases(service, server, patch)
            service.settings_for(server)
        used = load_testing_dialect().locate(server)
    except ValueError as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        reason = reason.removeprefix("Value error, ")
        raise pytest.UsageError(f"TEST_DATABASE_URL: {reason}") from None
    if used.intersection(locations(filter(None, urls))):
        raise pytest.UsageError("TEST_DATABASE_URL: is the database of DATABASE_URL; name another")


def name_databases(service: TestedService[Any], server: str, patch: pytest.MonkeyPatch) -> None:
    """Have every further database be on the server of the tests, until the fixtures create it."""
    for variable in service.databases:
        patch.setenv(variable, server)


def locations(urls: Iterable[str]) -> Iterator[tuple[object, ...]]:
    for url in urls:
        with suppress(ValueError):
            yield from load_testing_dialect().locate(url)
