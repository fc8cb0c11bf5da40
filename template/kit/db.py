"""A database: one engine, and what requests read and write with."""

from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from types import TracebackType
from typing import Any, Self, cast

from sqlalchemy import URL, Connection, Select, bindparam, inspect, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.util import greenlet_spawn
from starlette.requests import HTTPConnection

from kit._internal.database import dialect
from kit._internal.sessions import RequestSession
from kit.settings import Settings

__all__ = ["Database", "RequestSession", "Source", "is_duplicate", "select_columns"]

# is_duplicate(error, table, column): whether the error of a statement is that another row has the
# same value in this column, which has a unique constraint.
is_duplicate = dialect.is_duplicate


class Database:
    """One engine, and sessions for writing, reading and streaming that share its connections.

    Session options are those of async_sessionmaker(); they win over the built-in ones. As an
    asynchronous context manager it closes its connections at the end.
    """

    def __init__(
        self, reader: AsyncEngine, session_options: Mapping[str, Any] | None = None
    ) -> None:
        self.reader = reader
        self.engine = reader.execution_options(**dialect.WRITING)
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

    async def row(self, model: type[DeclarativeBase], key: object) -> dict[str, Any] | None:
        """Return the row with this primary key, a single column, or None.

        Raises TypeError for a model whose primary key has several columns.
        """
        return next(iter(await self.rows(select_by_key(model), key=key)), None)

    async def rows(self, statement: Select[Any], **values: object) -> list[dict[str, Any]]:
        """Return the rows of a statement, whose bindparam()s get these values."""
        # All in one greenlet: with AsyncConnection and AsyncSession each step has one of its own.
        return await greenlet_spawn(self._rows, statement, values)

    def connect(self) -> Connection:
        return self.reader.sync_engine.connect()

    def _rows(self, statement: Select[Any], values: dict[str, object]) -> list[dict[str, Any]]:
        with self.connect() as connection:
            result = connection.execute(statement, values)
            names = tuple(result.keys())
            return [dict(zip(names, row, strict=True)) for row in result.all()]


def select_columns(model: type[DeclarativeBase]) -> Select[Any]:
    """Select what a model maps, each column under the name of its attribute."""
    mapped = (one for one in inspect(model).column_attrs if not one.deferred)
    return select(*(one.columns[0].label(one.key) for one in mapped))


@cache
def select_by_key(model: type[DeclarativeBase]) -> Select[Any]:
    columns = inspect(model).primary_key
    if len(columns) > 1:
        names = ", ".join(column.name for column in columns)
        raise TypeError(
            f"Database.row needs a primary key of a single column, {model.__name__} has {names};"
            f" use Database.rows(select_columns({model.__name__}).where(...))"
        )
    return select_columns(model).where(columns[0] == bindparam("key"))


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

    async def read_database(self, request: HTTPConnection) -> Database:
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
