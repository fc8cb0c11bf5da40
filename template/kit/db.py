"""The application's database: one engine, and what requests read and write with."""

from collections.abc import AsyncIterator
from functools import cache
from typing import Annotated, Any, Self, cast

# Request is for the dependencies that a service adds here.
from fastapi import Depends, Request  # noqa: F401
from sqlalchemy import Connection, Select, bindparam, inspect, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.util import greenlet_spawn
from starlette.requests import HTTPConnection

from app import {{ database }} as dialect
from app.models import Base
from app.sessions import RequestSession
from app.settings import Settings

# What differs between databases, for those who need not know which it is.
is_duplicate, is_unavailable = dialect.is_duplicate, dialect.is_unavailable
explain_denial, find_obstacle = dialect.explain_denial, dialect.find_obstacle
is_outdated = dialect.is_outdated


class Database:
    """One engine, and sessions for writing, reading and streaming that share its connections."""

    def __init__(self, reader: AsyncEngine) -> None:
        self.reader = reader
        self.engine = reader.execution_options(**dialect.WRITING)
        self.has_been_ready = False
        self.writing = async_sessionmaker(self.engine, expire_on_commit=False)
        self.reading = async_sessionmaker(reader, autoflush=False, expire_on_commit=False)
        streamer = reader.execution_options(**dialect.STREAMING)
        self.streaming = async_sessionmaker(streamer, autoflush=False, expire_on_commit=False)
        for sessions in (self.writing, self.reading, self.streaming):
            sessions.configure(sync_session_class=RequestSession)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(dialect.create_reader(settings))

    async def row(self, model: type[Base], key: object) -> dict[str, Any] | None:
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


def select_columns(model: type[Base]) -> Select[Any]:
    """Select what a model maps, each column under the name of its attribute."""
    mapped = (one for one in inspect(model).column_attrs if not one.deferred)
    return select(*(one.columns[0].label(one.key) for one in mapped))


@cache
def select_by_key(model: type[Base]) -> Select[Any]:
    columns = inspect(model).primary_key
    if len(columns) > 1:
        names = ", ".join(column.name for column in columns)
        raise TypeError(
            f"Database.row needs a primary key of a single column, {model.__name__} has {names};"
            f" use Database.rows(select_columns({model.__name__}).where(...))"
        )
    return select_columns(model).where(columns[0] == bindparam("key"))


def get_database(request: HTTPConnection) -> Database:
    """Return the database of the application, or of the service that it is mounted in."""
    database = getattr(request.app.state, "database", None)
    service = request.scope.get("service")
    if database is None and service is not None:
        database = getattr(service.state, "database", None)
    if database is None:
        raise RuntimeError("no database is open: the lifespan of the application opens it")
    return cast("Database", database)


async def read_database(request: HTTPConnection) -> Database:
    """Return the database, whose rows are read without a session."""
    return get_database(request)


async def write_session(request: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Yield a session that is committed when the route returns, before the response is sent.

    It is rolled back when anything is raised, a cancelled request included.
    """
    begun = get_database(request).writing.begin()
    try:
        async with begun as session:
            yield session
    except BaseException:
        # A commit that has failed leaves it open.
        await begun.async_session.close()
        raise


async def read_session(request: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """Yield a session for reading: every statement stands for itself, and nothing is committed."""
    async with get_database(request).reading() as session:
        yield session


# The function scope is what ends them before the response; FastAPI's default is after it.
WriteSession = Annotated[AsyncSession, Depends(write_session, scope="function")]
ReadSession = Annotated[AsyncSession, Depends(read_session, scope="function")]
ReadDatabase = Annotated[Database, Depends(read_database)]
# For a route that opens sessions of its own, to stream rows or to work after its response.
ServiceDatabase = ReadDatabase
