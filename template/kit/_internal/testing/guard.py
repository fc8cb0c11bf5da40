"""Isolates tests from the developer's database and settings."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from dotenv import dotenv_values
from pydantic import AliasChoices, ValidationError

from kit._internal.database import load_testing_dialect
from kit._internal.testing.service import TestedService
from kit.project import PROJECT_DIR
from kit.settings import Settings, describe_problem, prefix_of


def forget_settings(service: TestedService[Any]) -> None:
    """Remove the developer's settings from the environment, so that tests are reproducible.

    Raises UsageError if TEST_DATABASE_URL is invalid or names the database of DATABASE_URL.
    """
    url_variables = {"DATABASE_URL", "MIGRATION_DATABASE_URL", *service.databases}
    developer_urls = find_urls(url_variables)
    for variable in list(os.environ):
        is_named = variable.upper() in {*url_variables, *service.environment}
        if is_named or is_setting(variable, service.settings_class):
            del os.environ[variable]
    os.environ.update(service.environment)
    service.settings_class.model_config["env_file"] = None
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        return
    check_settings(service, server)
    try:
        test_keys = load_testing_dialect().locate(server)
    except ValueError as error:
        raise pytest.UsageError(f"TEST_DATABASE_URL: {error}") from None
    if test_keys.intersection(locate_all(developer_urls)):
        raise pytest.UsageError("TEST_DATABASE_URL: is the database of DATABASE_URL; name another")


def find_urls(variables: Iterable[str]) -> list[str]:
    """Return the values of variables in the environment and in .env."""
    sources = (os.environ, dotenv_values(PROJECT_DIR / ".env"))
    values = [source.get(name) for source in sources for name in variables]
    return [value for value in values if value]


def is_setting(variable: str, settings_class: type[Settings]) -> bool:
    """Return whether an environment variable is one of the settings."""
    name, prefix = variable.upper(), prefix_of(settings_class).upper()
    if prefix and name.startswith(prefix):
        return True
    names = {"PORT"}
    for field, info in settings_class.model_fields.items():
        names.add(f"{prefix}{field}".upper())
        alias = info.validation_alias
        if isinstance(alias, AliasChoices):
            names.update(str(choice).upper() for choice in alias.choices)
        elif alias is not None:
            names.add(str(alias).upper())
    return name in names


def check_settings(service: TestedService[Any], server: str) -> None:
    """Raise UsageError if the tests have no value, or an invalid one, for a setting."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            # Only for this check: child processes would treat them as the developer's variables.
            name_databases(service, server, patch)
            service.settings_for(server)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
    else:
        return
    if problem["loc"][0] == "DATABASE_URL":
        reason = problem["msg"].removeprefix("Value error, ")
        raise pytest.UsageError(f"TEST_DATABASE_URL: {reason}")
    line = describe_problem(service.settings_class, problem)
    name, _, reason = line.partition(": ")
    reason = reason.partition(";")[0]
    environment = json.dumps({name: "..."})
    raise pytest.UsageError(
        f"{name}: {reason}; give the tests a value in conftest.py:"
        f" TestedService(..., environment={environment})"
    )


def name_databases(service: TestedService[Any], server: str, patch: pytest.MonkeyPatch) -> None:
    """Set the variables of other databases to the server, until the fixtures create them."""
    for variable in service.databases:
        patch.setenv(variable, server)


def locate_all(urls: Iterable[str]) -> Iterator[tuple[object, ...]]:
    """Yield the keys of these databases; an invalid URL has none."""
    for url in urls:
        with suppress(ValueError):
            yield from load_testing_dialect().locate(url)
