"""What a service does with databases without editing kit/: a second one, sessions, commands."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import pytest
from fastapi import Depends
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict
from sqlalchemy import URL, Connection, text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.kit.databases import BAD_URLS, GOOD_URLS, SECRET
from tests.kit.notes import Note, OwnBase
import kit.settings
from kit._internal.auth.chosen_settings import VALUES_IN_TESTS
from kit._internal.testing.further import clones, templates
from kit._internal.testing.guard import forget_settings
from kit._internal.testing.reading import shared_databases
from kit.application import Service
from kit.auth import public
from kit.db import Database, RequestSession, Source
from kit.settings import DatabaseURL, load
from kit.testing import TestedService, assert_problem, client_of, create_database


class ShopSettings(kit.settings.Settings):
    model_config = SettingsConfigDict(env_prefix="SHOP_", env_file=None)

    reports_url: DatabaseURL
    archive_url: DatabaseURL | None = None


def service_with(
    databases: Mapping[str, str | Callable[[Connection], None]], **environment: str
) -> TestedService[ShopSettings]:
    def create_app(settings: ShopSettings) -> Service:
        return Service(settings, database=[Source(), REPORTS])

    return TestedService(create_app, ShopSettings, environment, databases)


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


REPORTS = Source("reports", url=lambda own: own.reports_url)


@pytest.fixture
def reports_url(server: URL) -> Iterator[URL]:
    """An empty database."""
    with create_database(server) as url:
        yield url


@pytest.fixture
def settings(shared_url: URL, reports_url: URL, monkeypatch: pytest.MonkeyPatch) -> ShopSettings:
    monkeypatch.setenv("DATABASE_URL", text_of(shared_url))
    monkeypatch.setenv("SHOP_REPORTS_URL", text_of(reports_url))
    return load(ShopSettings).model_copy(update=dict(VALUES_IN_TESTS))


@pytest.mark.parametrize("name", ["SHOP_REPORTS_URL", "SHOP_ARCHIVE_URL"])
def test_url_of_another_database_is_read_as_the_first(
    settings: ShopSettings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    url = next(iter(GOOD_URLS))
    monkeypatch.setenv(name, url)
    monkeypatch.setenv("DATABASE_URL", url)
    own = load(ShopSettings)
    assert getattr(own, name.removeprefix("SHOP_").lower()) == own.database_url
    for shown in (repr(own), str(own), str(own.model_dump()), own.model_dump_json()):
        assert SECRET not in shown
    wrong, reason = next(iter(BAD_URLS.items()))
    monkeypatch.setenv(name, wrong)
    with pytest.raises(SystemExit) as refusal:
        load(ShopSettings)
    assert str(refusal.value) == f"{name}: {reason}"
    with pytest.raises(ValidationError) as error:
        ShopSettings()
    assert SECRET not in str(error.value)


async def test_second_database(settings: ShopSettings) -> None:
    first = Source()
    app = Service(settings, database=[first, REPORTS])

    @app.get("/databases", dependencies=[public])
    async def compare(
        main: Annotated[Database, Depends(first.service_database)],
        reports: Annotated[Database, Depends(REPORTS.service_database)],
    ) -> list[str | None]:
        return [main.write_engine.url.database, reports.write_engine.url.database]

    expected = [settings.database_url.database, settings.reports_url.database]
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get("/databases")).json() == expected


def unreachable(url: URL) -> URL:
    """Return the URL of a database in a folder, or on a server, that does not exist."""
    return url.set(database="/nowhere/x.db") if url.host is None else url.set(database="nowhere")


@pytest.mark.parametrize("required", [True, False])
async def test_ready_with_all_databases_that_are_required(
    settings: ShopSettings, *, required: bool
) -> None:
    gone = Source("gone", url=lambda own: unreachable(own.reports_url), required=required)
    app = Service(settings, database=[Source(), REPORTS, gone])
    async with app.router.lifespan_context(app), client_of(app) as client:
        response = await client.get("/health/ready")
        if required:
            problem = assert_problem(response, 503, "not-ready")
            assert problem["detail"] == "The database gone cannot be reached."
        else:
            assert response.status_code == 200


async def test_ready_with_the_revisions_of_each_database(settings: ShopSettings) -> None:
    reports = Source("reports", url=lambda own: own.reports_url, migrations="alembic")
    app = Service(settings, database=[Source(), reports])
    async with app.router.lifespan_context(app), client_of(app) as client:
        problem = assert_problem(await client.get("/health/ready"), 503, "not-ready")
        assert problem["detail"].startswith("The database reports is without a revision, ")


class OwnSession(AsyncSession):
    """Has a method more."""


class OwnRequestSession(RequestSession):
    """The session behind it."""


async def test_own_session_options(settings: ShopSettings) -> None:
    options: dict[str, Any] = {"class_": OwnSession, "sync_session_class": OwnRequestSession}
    source = Source(session_options={**options, "expire_on_commit": True})
    async with source.open(settings) as database:
        for sessions in (database.write_sessions, database.read_sessions, database.stream_sessions):
            async with sessions() as session:
                assert isinstance(session, OwnSession)
                assert isinstance(session.sync_session, OwnRequestSession)
                assert session.sync_session.expire_on_commit
                # What is not named stays as it is.
                assert session.sync_session.autoflush is (sessions is database.write_sessions)
    reader = source.open(settings).read_engine
    async with (
        shared_databases({source: reader}) as shared,
        shared["database"].read_sessions() as session,
    ):
        assert isinstance(session.sync_session, OwnRequestSession)
    await reader.dispose()


async def test_command_opens_the_database_and_closes_it(settings: ShopSettings) -> None:
    async with REPORTS.open(settings) as reports:
        async with reports.write_sessions.begin() as session:
            await session.execute(text("SELECT 1"))
        pool = reports.write_engine.pool
        assert pool.checkedin() == 1  # type: ignore[attr-defined]
    assert reports.write_engine.pool is not pool


TITLES = text("SELECT title FROM notes_of_tests")


async def test_further_database_of_tests(
    server: URL, shared_url: URL, settings: ShopSettings
) -> None:
    """It is a throwaway one, created as configured, and what a test writes is rolled back."""
    service = service_with({"SHOP_REPORTS_URL": OwnBase.metadata.create_all})
    before = os.environ["SHOP_REPORTS_URL"]
    with templates(service, server) as made, clones(made, server):
        own = service.settings_for(shared_url)
        assert own.reports_url not in (settings.reports_url, *made.values())
        same = Source("same", url=lambda own: own.reports_url)
        engines = {source: source.open(own).read_engine for source in (Source(), REPORTS, same)}
        for _ in range(2):
            async with shared_databases(engines) as databases:
                async with databases["reports"].write_sessions.begin() as session:
                    session.add(Note(title="a"))
                # Of the same URL, as of a replica: it shares the connection.
                async with databases["same"].read_sessions() as session:
                    assert list(await session.scalars(TITLES)) == ["a"]
        async with engines[REPORTS].connect() as connection:
            assert list(await connection.scalars(TITLES)) == []
        for engine in engines.values():
            await engine.dispose()
    assert os.environ["SHOP_REPORTS_URL"] == before


def test_environment_of_tests(monkeypatch: pytest.MonkeyPatch, server: URL) -> None:
    """Settings without a default have a value in tests, and no database is that of the user."""
    service = service_with({"SHOP_REPORTS_URL": "reports"}, STRIPE_KEY="none")
    for name in ("STRIPE_KEY", "SHOP_REPORTS_URL"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.delenv("TEST_DATABASE_URL")
    forget_settings(service)
    assert os.environ["STRIPE_KEY"] == "none"
    assert "SHOP_REPORTS_URL" not in os.environ
    monkeypatch.setenv("SHOP_REPORTS_URL", text_of(server))
    monkeypatch.setenv("TEST_DATABASE_URL", text_of(server))
    with pytest.raises(pytest.UsageError, match=r"^TEST_DATABASE_URL: is the "):
        forget_settings(service)
