"""Fixtures: each worker has a migrated database; each test is rolled back."""

import asyncio
import io
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.contextvars import get_contextvars

from kit._internal.auth.chosen_settings import FIXTURES
from kit._internal.database import load_testing_dialect
from kit._internal.testing import hooks, revisions, skipping, workers
from kit._internal.testing.clients import Log, Rows, all_permissions, client_as, client_of
from kit._internal.testing.databases import create_database, text_of, upgrade
from kit._internal.testing.further import clones, templates
from kit._internal.testing.guard import check_settings, forget_settings, name_databases
from kit._internal.testing.reading import shared_databases
from kit._internal.testing.service import TestedService
from kit.application import Service
from kit.db import Database, Source
from kit.logging import Formatter

__all__ = [
    "app",
    "client",
    "client_as",
    "database",
    "databases",
    "engine",
    "log",
    "own_app",
    "own_client",
    "own_url",
    "rows",
    "server",
    "service",
    "shared_url",
    "template",
]
pytest_plugins = [
    "kit._internal.testing.collecting",
    "kit._internal.testing.importing",
    "kit._internal.testing.seeding",
    *FIXTURES,
]


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hooks)
    pluginmanager.register(revisions)
    pluginmanager.register(skipping)
    pluginmanager.register(workers)


def find_service(config: pytest.Config) -> TestedService[Any]:
    """Return the service of tests/conftest.py; raise UsageError if it has none."""
    service: TestedService[Any] | None = config.hook.pytest_kit_service()
    if service is None:
        raise pytest.UsageError("tests/conftest.py has no pytest_kit_service(): see kit.testing")
    return service


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start a server for all workers, unless TEST_DATABASE_URL names one."""
    service = find_service(session.config)
    skipping.refuse_unknown_checks(service)
    forget_settings(service)
    if os.environ.get("TEST_DATABASE_URL") or session.config.option.collectonly:
        return
    # Stop the server, too, if `timeout` or a CI server stops the tests.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stack = ExitStack()
    session.config.add_cleanup(stack.close)
    server = stack.enter_context(load_testing_dialect().run_server())
    url = text_of(server)
    check_settings(service, url)
    # The workers start after this, and inherit the variable.
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    patch.setenv("TEST_DATABASE_URL", url)


@pytest.fixture(scope="session")
def service(pytestconfig: pytest.Config) -> Iterator[TestedService[Any]]:
    """The service under test."""
    service = find_service(pytestconfig)
    with pytest.MonkeyPatch.context() as patch:
        name_databases(service, os.environ["TEST_DATABASE_URL"], patch)
        yield service


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
async def event_loop(anyio_backend: str) -> AsyncIterator[None]:
    """Keep one event loop for all tests, and close it when the drivers' tasks have ended.

    A task in which aiosqlite closes a connection never ends if the loop cancels it. It may wait
    for a lock, for half a minute by default.
    """
    count_before = len(asyncio.all_tasks())
    yield
    for _ in range(800):
        await asyncio.sleep(0.05)
        if len(asyncio.all_tasks()) <= count_before:
            break


@pytest.fixture(scope="session")
def server(service: TestedService[Any]) -> URL:
    """A URL of the server that has the test databases."""
    url: URL = service.settings_for(os.environ["TEST_DATABASE_URL"]).database_url
    return url


@pytest.fixture(scope="session")
def template(server: URL) -> Iterator[URL]:
    """A migrated database without connections, to be copied."""
    with create_database(server) as url:
        upgrade(url)
        yield url


@pytest.fixture(scope="session")
def further_templates(service: TestedService[Any], server: URL) -> Iterator[dict[str, URL]]:
    """A migrated copy of each other database, by the variable of its URL."""
    with templates(service, server) as urls:
        yield urls


@pytest.fixture(scope="session")
def shared_url(server: URL, template: URL, further_templates: dict[str, URL]) -> Iterator[URL]:
    """The database that all tests of a worker share; other databases have copies, too."""
    with create_database(server, template) as url, clones(further_templates, server):
        yield url


@pytest.fixture(scope="session")
async def engines(
    service: TestedService[Any], shared_url: URL
) -> AsyncIterator[dict[Source, AsyncEngine]]:
    settings = service.settings_for(shared_url)
    sources = service.create_app(settings).sources
    engines = {source: source.open(settings).read_engine for source in sources}
    yield engines
    for engine in engines.values():
        await engine.dispose()


@pytest.fixture(scope="session")
def engine(engines: dict[Source, AsyncEngine]) -> AsyncEngine:
    """The `read_engine` of the application's first database."""
    return next(iter(engines.values()))


@pytest.fixture
async def databases(engines: dict[Source, AsyncEngine]) -> AsyncIterator[dict[str, Database]]:
    """The application's databases by name; commits are undone after the test."""
    async with shared_databases(engines) as databases:
        yield databases


@pytest.fixture
def database(databases: dict[str, Database]) -> Database:
    """The application's first database."""
    return next(iter(databases.values()))


@pytest.fixture
def rows(database: Database) -> Rows:
    """Return an async function that adds rows of models; they are removed after the test."""

    async def add(*models: object) -> None:
        async with database.write_sessions.begin() as session:
            session.add_all(models)

    return add


@pytest.fixture
def app(
    service: TestedService[Any],
    databases: dict[str, Database],
    database: Database,
    shared_url: URL,
) -> Service:
    """The application with the databases of the test; it is not started."""
    app = service.create_app(service.settings_for(shared_url))
    for name, opened in databases.items():
        setattr(app.state, name, opened)
    setattr(app.state, app.sources[0].name, database)
    return app


@pytest.fixture
async def client(app: Service) -> AsyncIterator[AsyncClient]:
    """A client for sequential requests, which share a connection.

    If the service authenticates its clients, it has all permissions that routes require.
    """
    async with client_of(app, all_permissions(app)) as client:
        yield client


@pytest.fixture
def own_url(server: URL, template: URL, further_templates: dict[str, URL]) -> Iterator[URL]:
    """A migrated database for one test, with real commits; other databases have copies, too."""
    with create_database(server, template) as url, clones(further_templates, server):
        yield url


@pytest.fixture
async def own_app(service: TestedService[Any], own_url: URL) -> AsyncIterator[Service]:
    """The application, started on `own_url`."""
    async with service.serve(service.settings_for(own_url)) as app:
        yield app


@pytest.fixture
async def own_client(own_app: Service) -> AsyncIterator[AsyncClient]:
    """A client of `own_app`, for concurrent requests, with all permissions."""
    async with client_of(own_app, all_permissions(own_app)) as client:
        yield client


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Return a function that returns the records logged so far."""
    # The formatter writes JSON unless standard error is a terminal.
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr(caplog.handler, "formatter", Formatter(get_contextvars))
    caplog.set_level("WARNING", logger="httpx")
    caplog.set_level("INFO")
    return lambda: [json.loads(line) for line in caplog.text.splitlines()]
