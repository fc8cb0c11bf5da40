"""A database for every worker, made by the migrations and rolled back after each test."""

import asyncio
import io
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, nullcontext

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.contextvars import get_contextvars

from app.db import Database
from app.logging import Formatter
from app.main import create_app
from tests.databases import create_database, run_server, settings_for, upgrade
from tests.guard import forget_settings
from tests.reading import ReadingSession
from tests.serving import Log, client_of, serve


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start one server for all workers, unless TEST_DATABASE_URL names one."""
    forget_settings()
    if os.environ.get("TEST_DATABASE_URL") or session.config.option.collectonly:
        return
    # Whoever loses patience (`timeout`, a CI server) leaves nothing running behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stack = ExitStack()
    session.config.add_cleanup(stack.close)
    server = stack.enter_context(run_server())
    # The workers, which start after this, inherit it.
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    patch.setenv("TEST_DATABASE_URL", server.render_as_string(hide_password=False))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
async def event_loop(anyio_backend: str) -> AsyncIterator[None]:
    """Keep one loop for all tests and a moment more: the thread of a driver may answer late.

    A task in which aiosqlite closes a connection never ends when it is cancelled with the loop.
    """
    own = len(asyncio.all_tasks())
    yield
    for _ in range(100):
        await asyncio.sleep(0.05)
        if len(asyncio.all_tasks()) <= own:
            break


@pytest.fixture(scope="session")
def server() -> URL:
    """The address beside which databases can be created."""
    return settings_for(os.environ["TEST_DATABASE_URL"]).database_url


@pytest.fixture(scope="session")
def template(server: URL) -> Iterator[URL]:
    """A migrated database that nobody is connected to, so that it can be copied."""
    with create_database(server) as url:
        upgrade(url)
        yield url


@pytest.fixture(scope="session")
def shared_url(server: URL, template: URL) -> Iterator[URL]:
    """The database that the tests of a worker use one after the other."""
    with create_database(server, template) as url:
        yield url


@pytest.fixture(scope="session")
async def engine(shared_url: URL) -> AsyncIterator[AsyncEngine]:
    engine = Database.from_settings(settings_for(shared_url)).reader
    yield engine
    await engine.dispose()


@pytest.fixture
async def database(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """The application's database, where a commit lasts until the end of the test."""
    database = Database(engine)
    async with database.engine.connect() as connection:
        transaction = await connection.begin()
        for sessions in (database.writing, database.reading, database.streaming):
            sessions.configure(bind=connection, join_transaction_mode="create_savepoint")
        database.reading.configure(sync_session_class=ReadingSession)
        monkeypatch.setattr(database, "connect", lambda: nullcontext(connection.sync_connection))
        yield database
        await transaction.rollback()


@pytest.fixture
def app(database: Database, shared_url: URL) -> FastAPI:
    """The application, which is not started: its database is that of the test."""
    app = create_app(settings_for(shared_url))
    app.state.database = database
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """A client for requests one after the other."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
def own_url(server: URL, template: URL) -> Iterator[URL]:
    """A migrated database for one test, where a commit is a commit."""
    with create_database(server, template) as url:
        yield url


@pytest.fixture
async def own_app(own_url: URL) -> AsyncIterator[FastAPI]:
    async with serve(settings_for(own_url)) as app:
        yield app


@pytest.fixture
async def own_client(own_app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with client_of(own_app) as client:
        yield client


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Log:
    # The formatter writes JSON where standard error is no terminal.
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr(caplog.handler, "formatter", Formatter(get_contextvars))
    caplog.set_level("WARNING", logger="httpx")
    caplog.set_level("INFO")
    return lambda: [json.loads(line) for line in caplog.text.splitlines()]
