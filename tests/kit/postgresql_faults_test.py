"""What only PostgreSQL does: deadlocks, timeouts, lost connections, passwords in addresses."""

import asyncio
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.util import CommandError
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import URL, text

from app.db import WriteSession
from tests.kit.databases import GOOD_URLS, OUTAGES, SECRET, refusing
from tests.kit.support import serve, settings_for
from kit._internal.postgresql.testing import connect
from kit.db import Database
from kit.testing import Log, alembic_config, assert_problem, client_of

# The SQLSTATE of an error, and the status that the client gets.
STATES = {
    "08006": 503,  # the connection failed
    "40001": 503,  # serialization failure
    "53300": 503,  # too many connections
    "55P03": 503,  # lock not available
    "57P01": 503,  # the server shuts down
    "58030": 503,  # I/O error
    "23502": 409,  # NOT NULL
    "23503": 409,  # foreign key
    "22012": 500,  # division by zero
    "42P01": 500,  # no such table
}
KINDS = {409: "conflict", 503: "database-unavailable"}


@pytest.mark.parametrize(("state", "status"), STATES.items())
async def test_state_decides_the_status(
    own_app: FastAPI, own_client: AsyncClient, state: str, status: int
) -> None:
    @own_app.post("/fail")
    async def fail(session: WriteSession) -> None:
        await session.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))

    response = await own_client.post("/fail")
    assert_problem(response, status, KINDS.get(status))
    assert ("Retry-After" in response.headers) is (status == 503)


async def test_statement_over_the_limit_is_unavailable(own_url: URL) -> None:
    settings = settings_for(own_url).model_copy(update={"statement_timeout": 0.1})
    async with serve(settings) as app, client_of(app) as client:

        @app.post("/sleep")
        async def sleep(session: WriteSession) -> None:
            await session.execute(text("SELECT pg_sleep(60)"))

        assert_problem(await client.post("/sleep"), 503, "database-unavailable")


async def test_one_request_of_a_deadlock_is_unavailable(
    own_app: FastAPI, own_client: AsyncClient
) -> None:
    locked = {1: asyncio.Event(), 2: asyncio.Event()}

    @own_app.post("/lock/{first}/{second}")
    async def lock(first: int, second: int, session: WriteSession) -> None:
        await session.execute(text(f"SELECT pg_advisory_xact_lock({first})"))
        locked[first].set()
        await locked[second].wait()
        await session.execute(text(f"SELECT pg_advisory_xact_lock({second})"))

    requests = own_client.post("/lock/1/2"), own_client.post("/lock/2/1")
    responses = await asyncio.gather(*requests)
    served, failed = sorted(responses, key=lambda response: response.status_code)
    assert served.status_code == 200
    assert_problem(failed, 503, "database-unavailable")


async def test_closed_connection_is_replaced(
    own_url: URL, own_app: FastAPI, own_client: AsyncClient
) -> None:
    """As when the server has restarted: the next request is served."""
    database: Database = own_app.state.database
    async with database.write_engine.connect() as connection:
        used: Any = (await connection.get_raw_connection()).driver_connection
    closed = asyncio.Event()
    used.add_termination_listener(lambda _connection: closed.set())
    with connect(own_url) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await asyncio.wait_for(closed.wait(), 30)
    assert (await own_client.get("/health/ready")).status_code == 200


@pytest.mark.parametrize("address", [url for url in GOOD_URLS if SECRET in url])
def test_settings_show_no_password(address: str) -> None:
    settings = settings_for(address)
    shown = f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert SECRET not in shown


@pytest.mark.parametrize("outage", OUTAGES)
async def test_log_of_an_outage_shows_no_password(
    outage: Callable[[Path], AbstractContextManager[str]], tmp_path: Path, log: Log
) -> None:
    with outage(tmp_path) as url:
        assert SECRET in url
        changes = {"connection_timeout": 0.3, "ready_timeout": 0.1}
        settings = settings_for(url).model_copy(update=changes)
        async with serve(settings) as app, client_of(app) as client:

            @app.post("/statement")
            async def run(session: WriteSession) -> None:
                await session.execute(text("SELECT 1"))

            for response in (await client.post("/statement"), await client.get("/health/ready")):
                assert response.status_code == 503
                assert SECRET not in response.text
    assert "not ready" in str(log())
    assert SECRET not in str(log())


def test_failed_migration_shows_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(tmp_path) as url:
        assert SECRET in url
        monkeypatch.setenv("DATABASE_URL", url)
        with pytest.raises(CommandError) as error:
            command.upgrade(alembic_config(), "head")
    assert SECRET not in "".join(traceback.format_exception(error.value))
