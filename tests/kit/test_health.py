import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import URL, text

from tests.kit.databases import OUTAGES
from tests.kit.support import events, record_of_level, serve, settings_for
from kit.db import Database
from kit.testing import Log, alembic_config, assert_problem, client_of, downgrade

HEADS = ScriptDirectory.from_config(alembic_config()).get_heads()
NEWER = "ffffffffffff"


async def set_revision(app: FastAPI, revision: str) -> None:
    database: Database = app.state.database
    async with database.write_sessions.begin() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})


async def test_live_and_ready(own_client: AsyncClient) -> None:
    for path in ("/health/live", "/health/ready"):
        response = await own_client.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("outage", OUTAGES)
async def test_database_is_down(
    outage: Callable[[Path], AbstractContextManager[str]], tmp_path: Path, log: Log
) -> None:
    with outage(tmp_path) as url:
        changes = {"ready_timeout": 2, "connection_timeout": 10, "statement_timeout": 10}
        settings = settings_for(url).model_copy(update=changes)
        async with serve(settings) as app, client_of(app) as client:
            start = time.monotonic()
            problem = assert_problem(await client.get("/health/ready"), 503, "not-ready")
            # The other limits are not waited for.
            assert time.monotonic() - start < 9
            assert problem["detail"].startswith("The database ")
            assert (await client.get("/health/live")).status_code == 200
    assert f"not ready: {problem['detail']}" in events(log)


async def test_database_is_behind(own_url: URL, own_client: AsyncClient) -> None:
    downgrade(own_url, "base")
    problem = assert_problem(await own_client.get("/health/ready"), 503, "not-ready")
    expected = f"The database is without a revision, this code needs {', '.join(HEADS)}."
    assert problem["detail"] == expected


@pytest.mark.parametrize("development", [True, False])
async def test_database_is_behind_says_the_command(
    own_url: URL, log: Log, *, development: bool
) -> None:
    downgrade(own_url, "base")
    settings = settings_for(own_url).model_copy(update={"development": development})
    async with serve(settings) as app, client_of(app) as client:
        problem = assert_problem(await client.get("/health/ready"), 503, "not-ready")
    assert ("make db-migrate" in problem["detail"]) is development
    warning = record_of_level(log, "warning")["event"]
    assert warning.startswith("not ready: ")
    assert "make db-migrate" in warning


async def test_database_of_a_newer_release(own_url: URL, own_app: FastAPI) -> None:
    await set_revision(own_app, NEWER)
    async with client_of(own_app) as client:
        # It was ready when it started, and is about to be replaced by the newer release.
        assert (await client.get("/health/ready")).status_code == 200
    settings = settings_for(own_url)
    async with serve(settings) as app, client_of(app) as client:
        problem = assert_problem(await client.get("/health/ready"), 503, "not-ready")
        assert NEWER in problem["detail"]
        for head in HEADS:
            assert head in problem["detail"]
        assert "make db-migrate" not in problem["detail"]
    allowing = settings.model_copy(update={"allow_newer_database": True})
    async with serve(allowing) as app, client_of(app) as client:
        assert (await client.get("/health/ready")).status_code == 200
