"""What requests rely on the database for, whatever tables there are."""

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.db import WriteSession
from kit.db import Database
from kit.testing import Log, assert_problem

EMAIL = "ada@example.com"


async def execute(app: FastAPI, *statements: str) -> None:
    database: Database = app.state.database
    async with database.write_sessions.begin() as session:
        for statement in statements:
            await session.execute(text(statement))


def add_route(app: FastAPI, statement: str, **values: object) -> None:
    """Add `POST /statement`, which runs it."""

    @app.post("/statement", status_code=204)
    async def run(session: WriteSession) -> None:
        await session.execute(text(statement), values)


async def test_broken_constraint_is_a_conflict(own_app: FastAPI, own_client: AsyncClient) -> None:
    """Any of them, not only those that a route knows."""
    await execute(own_app, "CREATE TABLE things (size integer CHECK (size > 0))")
    add_route(own_app, "INSERT INTO things VALUES (0)")
    assert_problem(await own_client.post("/statement"), 409, "conflict")


async def test_orphan_is_refused(own_app: FastAPI) -> None:
    await execute(
        own_app,
        "CREATE TABLE parents (id integer PRIMARY KEY)",
        "CREATE TABLE children (parent integer REFERENCES parents (id))",
    )
    with pytest.raises(IntegrityError):
        await execute(own_app, "INSERT INTO children VALUES (1)")


async def test_failed_statement_is_logged_without_its_values(
    own_app: FastAPI, own_client: AsyncClient, log: Log
) -> None:
    """They are personal data."""
    add_route(own_app, "SELECT 1 FROM no_such_table WHERE email = :email", email=EMAIL)
    assert_problem(await own_client.post("/statement"), 500)
    logged = str(log())
    assert "no_such_table" in logged
    assert EMAIL not in logged


async def test_error_of_a_statement_does_not_show_its_values(own_app: FastAPI) -> None:
    """A service may send it elsewhere than to the log."""
    database: Database = own_app.state.database
    statement = text("SELECT 1 FROM no_such_table WHERE email = :email")
    async with database.read_sessions() as session:
        with pytest.raises(DBAPIError) as error:
            await session.execute(statement, {"email": EMAIL})
    assert "no_such_table" in str(error.value)
    assert EMAIL not in str(error.value)
