"""A database: one engine, and what requests read and write with."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self, cast

from sqlalchemy import URL, Connection, Executable
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from starlette.requests import HTTPConnection

from kit._internal.database import dialect
from kit._internal.sessions import RequestSession
from kit._internal.statements import (
    KEY,
    Model,
    Row,
    changes_rows,
    delete_by_key,
    fetch_rows,
    insert_of,
    named,
    select_by_key,
    select_columns,
    update_by_key,
)
from kit._internal.uniqueness import is_duplicate, unique
from kit.settings import Settings

__all__ = ["Database", "RequestSession", "Source", "is_duplicate", "select_columns", "unique"]


class Database:
    """A database: one pool of connections, and what reads and writes with it.

    - A single statement is a transaction by itself: row(), rows(), insert(), update(), delete().
    - Statements that belong together share a session: `async with database.writing.begin()`, which
      commits at its end and rolls back on an error. `reading` is without a transaction, `streaming`
      reads row by row.

    `reader` and `engine` are the engines below these, for Core without a session: `reader` refuses
    to change rows and has no transactions; `engine` begins one.

    Session options are those of async_sessionmaker(); they win over the built-in ones. As an
    asynchronous context manager it closes its connections at the end.
    """

    def __init__(
        self, reader: AsyncEngine, session_options: Mapping[str, Any] | None = None
    ) -> None:
        self.reader = reader
        self.engine = reader.execution_options(**dialect.WRITING)
        self.single = reader.execution_options(**dialect.SINGLE)
        self.has_been_ready = False
        usual = {"expire_on_commit": False, "sync_session_class": RequestSession}
        options: dict[str, Any] = {**usual, **(session_options or {})}
        reading = {"autoflush": False, **options}
        streamer = reader.execution_options(**dialect.STREAMING)
        self.writing = async_sessionmaker(self.engine, **options)
        self.reading = async_sessionmaker(reader, **reading)
        self.streaming = async_sessionmaker(streamer, **reading)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        url: URL | None = None,
        session_options: Mapping[str, Any] | None = None,
        **engine_options: Any,  # noqa: ANN401
    ) -> Self:
        """Return the database of DATABASE_URL, or of another URL; it connects when it is used."""
        reader = dialect.create_reader(url or settings.database_url, settings, engine_options)
        return cls(reader, session_options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.engine.dispose()

    async def row(self, model: Model, key: object) -> Row | None:
        """Return the row with this primary key, by name of attribute, or None.

        Raises TypeError for a model whose primary key has several columns.
        """
        return first(await self.rows(select_by_key(model), **{KEY: key}))

    async def rows(self, statement: Executable, /, **values: object) -> list[Row]:
        """Execute a statement, whose bindparam()s get these values; return its rows.

        One that changes rows is committed when this returns; its returning() names the rows.
        """
        if changes_rows(statement):
            return await fetch_rows(self.begin, statement, values)
        return await fetch_rows(self.connect, statement, values)

    async def insert(self, model: Model, /, **values: object) -> Row:
        """Insert a row of these attributes, committed when this returns; return all of it.

        Defaults of columns apply; validators, events and cascades of the ORM do not: they belong to
        sessions. Raises IntegrityError for a broken constraint: see unique().
        """
        rows = await self.rows(insert_of(model, tuple(values)), **named(values))
        return rows[0]

    async def update(self, model: Model, key: object, /, **values: object) -> Row | None:
        """Change these attributes of a row, committed when this returns; return all of it.

        Returns None where no row has this primary key. Otherwise as insert(); `onupdate` of columns
        applies. Without values nothing is changed.
        """
        if not values:
            return await self.row(model, key)
        statement = update_by_key(model, tuple(values))
        return first(await self.rows(statement, **{KEY: key}, **named(values)))

    async def delete(self, model: Model, key: object) -> bool:
        """Delete a row, committed when this returns; return whether there was one."""
        return bool(await self.rows(delete_by_key(model), **{KEY: key}))

    def connect(self) -> AbstractContextManager[Connection]:
        return self.reader.sync_engine.connect()

    def begin(self) -> AbstractContextManager[Connection]:
        return self.single.sync_engine.begin()


def first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None


class Source:
    """A database of the running service, under a name; its methods are FastAPI dependencies.

    The URL is a function of the settings, by default that of DATABASE_URL. `migrations` is the
    section of alembic.ini with its revisions, by default `alembic` for DATABASE_URL and none for
    another URL. /health/ready asks whether the database answers, and is at the head of these, but
    not where `required` is False. Session options are those of async_sessionmaker(), engine options
    those of create_async_engine(); they win over the built-in ones. Give the source to Service,
    which opens the database at start-up.
    """

    def __init__(
        self,
        name: str = "database",
        *,
        url: Callable[[Any], URL] | None = None,
        migrations: str | None = None,
        required: bool = True,
        session_options: Mapping[str, Any] | None = None,
        **engine_options: Any,  # noqa: ANN401
    ) -> None:
        self.name = name
        self.url = url
        self.migrations = "alembic" if migrations is None and url is None else migrations
        self.required = required
        self.session_options = session_options
        self.engine_options = engine_options

    def open(self, settings: Settings) -> Database:
        """Return the database that the settings name; it connects when it is used.

        `async with database.open(settings) as opened:` closes its connections at the end.
        """
        url = None if self.url is None else self.url(settings)
        return Database.from_settings(settings, url, self.session_options, **self.engine_options)

    def of(self, request: HTTPConnection) -> Database:
        """Return the database of the application, or of the service that it is mounted in.

        Raises RuntimeError where no lifespan has opened it.
        """
        database = getattr(request.app.state, self.name, None)
        if database is None:
            service = request.scope.get("service", request.app)
            database = getattr(service.state, self.name, None)
        if database is None:
            raise RuntimeError(f"no {self.name} is open: the lifespan of the application opens it")
        return cast("Database", database)

    async def service_database(self, request: HTTPConnection) -> Database:
        """Return the database, whose rows are read without a session."""
        return self.of(request)

    async def write_session(self, request: HTTPConnection) -> AsyncIterator[AsyncSession]:
        """Yield a session that is committed when the route returns, before the response is sent.

        It is rolled back when anything is raised, a cancelled request included. Use it with
        `Depends(..., scope="function")`: FastAPI's default scope ends after the response.
        """
        begun = self.of(request).writing.begin()
        try:
            async with begun as session:
                yield session
        except BaseException:
            # A commit that has failed leaves it open.
            await begun.async_session.close()
            raise

    async def read_session(self, request: HTTPConnection) -> AsyncIterator[AsyncSession]:
        """Yield a session for reading: every statement stands for itself; nothing is committed."""
        async with self.of(request).reading() as session:
            yield session
