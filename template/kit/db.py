"""A database of the service: its engines and sessions, and the FastAPI dependencies for routes."""

from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self, cast

from sqlalchemy import URL, Executable
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from starlette.requests import HTTPConnection

from kit._internal.database import dialect
from kit._internal.execution import Row, StatementExecutor
from kit._internal.sessions import RequestSession
from kit._internal.statements import (
    KEY_PARAMETER,
    Model,
    changes_rows,
    delete_by_key,
    insert_of,
    parameter_values,
    select_by_key,
    select_columns,
    update_by_key,
    validated,
)
from kit._internal.uniqueness import is_duplicate, unique
from kit.settings import Settings

__all__ = ["Database", "RequestSession", "Source", "is_duplicate", "select_columns", "unique"]


class Database:
    """A database: one pool of connections, and the engines and sessions that use it.

    - For a single statement, which is a transaction by itself: row(), rows(), insert(), update()
      and delete().
    - For statements that belong together, makers of sessions (`async_sessionmaker`):
      `async with database.write_sessions.begin() as session` commits at its end, and rolls back on
      an error. `read_sessions()` has no transaction, `stream_sessions()` reads row by row.
    - For SQLAlchemy Core, engines (`AsyncEngine`): `write_engine` has transactions; `read_engine`
      has none, and refuses to change rows.

    `session_options` are those of async_sessionmaker(); they win over the built-in ones. As an
    asynchronous context manager a database closes its connections at the end.
    """

    def __init__(
        self, read_engine: AsyncEngine, session_options: Mapping[str, Any] | None = None
    ) -> None:
        self.read_engine = read_engine
        self.write_engine = read_engine.execution_options(**dialect.WRITE_OPTIONS)
        stream_engine = read_engine.execution_options(**dialect.STREAM_OPTIONS)
        statement_engine = read_engine.execution_options(**dialect.STATEMENT_OPTIONS)
        self.executor = StatementExecutor.of_engines(read_engine, statement_engine)
        options: dict[str, Any] = {
            "expire_on_commit": False,
            "sync_session_class": RequestSession,
            **(session_options or {}),
        }
        read_options = {"autoflush": False, **options}
        self.write_sessions = async_sessionmaker(self.write_engine, **options)
        self.read_sessions = async_sessionmaker(read_engine, **read_options)
        self.stream_sessions = async_sessionmaker(stream_engine, **read_options)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        url: URL | None = None,
        session_options: Mapping[str, Any] | None = None,
        **engine_options: Any,  # noqa: ANN401
    ) -> Self:
        """Return the database of DATABASE_URL, or of another URL; it connects when it is used."""
        url = url or settings.database_url
        engine = dialect.create_read_engine(url, settings, engine_options)
        return cls(engine, session_options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections in the pool."""
        await self.read_engine.dispose()

    async def row(self, model: Model, key: object) -> Row | None:
        """Return the row with this primary key by the names of its attributes, or None.

        Raises TypeError for a model whose primary key has several columns.
        """
        return first(await self.executor.read(select_by_key(model), {KEY_PARAMETER: key}))

    async def rows(self, statement: Executable, /, **values: object) -> list[Row]:
        """Execute a statement with these values for its bindparam()s; return its rows.

        A statement that changes rows is committed when this returns; returning() names its rows.
        """
        if changes_rows(statement):
            return await self.executor.write(statement, values)
        return await self.executor.read(statement, values)

    async def insert(self, model: Model, /, **values: object) -> Row:
        """Insert a row with these attributes, and commit; return all of the row.

        Defaults of columns and `@validates` methods apply; events and cascades of the ORM do not:
        they belong to sessions. Raises IntegrityError for a broken constraint: see unique().
        """
        changes = validated(model, values)
        statement = insert_of(model, tuple(changes))
        rows = await self.executor.write(statement, parameter_values(changes))
        return rows[0]

    async def update(self, model: Model, key: object, /, **values: object) -> Row | None:
        """Change these attributes of a row, and commit; return all of the row.

        Returns None where no row has this primary key. Otherwise as insert(); `onupdate` of columns
        applies. Without values nothing is changed.
        """
        if not values:
            return await self.row(model, key)
        changes = validated(model, values)
        statement = update_by_key(model, tuple(changes))
        parameters = {KEY_PARAMETER: key, **parameter_values(changes)}
        return first(await self.executor.write(statement, parameters))

    async def delete(self, model: Model, key: object) -> bool:
        """Delete the row with this primary key, and commit; return whether it existed."""
        return bool(await self.executor.write(delete_by_key(model), {KEY_PARAMETER: key}))


def first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None


class Source:
    """A database that the service declares; its methods are FastAPI dependencies.

    Pass it to Service, which opens the database at start-up.

    - `name`: the attribute of `app.state` that has the open Database.
    - `url`: a function that returns its URL from the settings, by default DATABASE_URL.
    - `migrations`: the section of alembic.ini with its revisions, by default `alembic` for
      DATABASE_URL, and none for another URL.
    - `required`: whether /health/ready fails when the database does not answer, or is not at the
      head of these revisions.
    - `session_options` are those of async_sessionmaker(), further options those of
      create_async_engine(); they win over the built-in ones.
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
        url = settings.database_url
        if self.url is not None:
            url = self.url(settings)
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
        """Return the database, for single statements and for sessions of the route's own."""
        return self.of(request)

    async def write_session(self, request: HTTPConnection) -> AsyncIterator[AsyncSession]:
        """Yield a session that is committed when the route returns, before the response is sent.

        It is rolled back when anything is raised, a cancelled request included. Use it with
        `Depends(..., scope="function")`: FastAPI's default scope ends after the response.
        """
        transaction = self.of(request).write_sessions.begin()
        try:
            async with transaction as session:
                yield session
        except BaseException:
            # A commit that has failed leaves the session open.
            await transaction.async_session.close()
            raise

    async def read_session(self, request: HTTPConnection) -> AsyncIterator[AsyncSession]:
        """Yield a session for reading: it has no transaction, and refuses to change rows."""
        async with self.of(request).read_sessions() as session:
            yield session
