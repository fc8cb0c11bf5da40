"""No row, key or parameter gets into the log with an error of the database."""

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from app.db import WriteSession
from tests.kit.support import record_of_level, settings_for
from kit._internal.database import dialect
from kit.db import Database
from kit.testing import Log, assert_problem

EMAIL = "ada@example.com"
PEOPLE = """
    CREATE TABLE people (
        name varchar(40) CONSTRAINT uq_people_name UNIQUE,
        email varchar(40) NOT NULL CONSTRAINT uq_people_email UNIQUE,
        age integer CONSTRAINT ck_people_age CHECK (age > 0)
    )
"""
INSERT = text("INSERT INTO people (name, email, age) VALUES (:name, :email, :age)")
ADA = {"name": "Ada", "email": EMAIL, "age": 36}
VIOLATIONS: dict[str, dict[str, Any]] = {
    "UNIQUE": {**ADA, "name": "Bob"},
    "NOT NULL": {"name": EMAIL, "email": None, "age": 36},
    "CHECK": {"name": "Bob", "email": "b" + EMAIL, "age": 0},
}

logger = logging.getLogger(__name__)


def log_message(error: Exception) -> None:
    logger.error("failed: %s, %r", error, error)


def log_text(error: Exception) -> None:
    logger.error(f"failed: {error}")  # noqa: G004


def log_extra(error: Exception) -> None:
    logger.error("failed", extra={"error": error})


def log_group(error: Exception) -> None:
    logger.error("failed", exc_info=ExceptionGroup("tasks failed", [ValueError("no"), error]))


def log_wrapped(error: Exception) -> None:
    wrapper = RuntimeError(f"failed: {error}")
    wrapper.__cause__ = error
    logger.error("failed", exc_info=wrapper)


def log_context(error: Exception) -> None:
    wrapper = RuntimeError(f"failed: {error.args}")
    wrapper.__context__ = error
    logger.error("failed", exc_info=wrapper)


WAYS = [log_message, log_text, log_extra, log_group, log_wrapped, log_context]


@pytest.fixture
async def violation(own_url: URL) -> DBAPIError:
    """An error of the driver that the application uses, as SQLAlchemy raises it."""
    database = Database.from_settings(settings_for(own_url))
    async with database.write_engine.begin() as connection:
        await connection.execute(text(PEOPLE))
        await connection.execute(INSERT, ADA)
    with pytest.raises(DBAPIError) as error:
        async with database.write_engine.begin() as connection:
            await connection.execute(INSERT, VIOLATIONS["UNIQUE"])
    await database.close()
    return error.value


@pytest.mark.parametrize("kind", VIOLATIONS)
async def test_conflict_is_logged_without_the_row(
    own_app: FastAPI, own_client: AsyncClient, log: Log, kind: str
) -> None:
    async with own_app.state.database.write_sessions.begin() as session:
        await session.execute(text(PEOPLE))
        await session.execute(INSERT, ADA)

    @own_app.post("/people")
    async def create(session: WriteSession) -> None:
        await session.execute(INSERT, VIOLATIONS[kind])

    assert_problem(await own_client.post("/people"), 409, "conflict")
    record = record_of_level(log, "warning")
    last = record["exception"].splitlines()[-1]
    assert re.search(r"\((SQLSTATE 23|\w+_CONSTRAINT_)", last)
    assert "people" in last
    assert "test_database_errors.py" in record["exception"]
    assert EMAIL not in str(log())


@pytest.mark.parametrize("way", WAYS)
async def test_no_way_of_logging_shows_the_row(
    violation: DBAPIError, log: Log, way: Callable[[Exception], None]
) -> None:
    way(violation)
    assert [record["logger"] for record in log()] == [__name__]
    assert EMAIL not in str(log())


async def test_error_of_the_driver_is_named(violation: DBAPIError) -> None:
    text = dialect.ERRORS.format_error(violation)
    assert text.startswith("Traceback (most recent call last):\n")
    assert "sqlalchemy.exc.IntegrityError: " in text.splitlines()[-1]
    assert "INSERT" not in text.splitlines()[-1]
    assert "people" in text.splitlines()[-1]


def test_other_errors_are_logged_in_full() -> None:
    try:
        int("first")
    except ValueError as error:
        wrapper = RuntimeError("second")
        wrapper.__cause__ = error
    lines = dialect.ERRORS.format_error(wrapper).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "ValueError: invalid literal for int() with base 10: 'first'" in lines
    assert "The above exception was the direct cause of the following exception:" in lines
    assert lines[-1] == "RuntimeError: second"
