"""A database of the service: engines, sessions, and FastAPI dependencies for routes."""

from collections.abc import AsyncIterator, Callable, Mapping
from copy import copy
from types import TracebackType
from typing import Any, Self, cast

from sqlalchemy import URL, Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker
from starlette.requests import HTTPConnection

from kit._internal.database import dialect
from kit._internal.deletion import without_deleted
from kit._internal.execution import Row, StatementExecutor
from kit._internal.owners import owned_models, refuse_model, refuse_statement
from kit._internal.references import references, unreferenced
from kit._internal.sessions import RequestSession
from kit._internal.statements import (
    KEY_PARAMETER,
    Model,
    changes_rows,
    delete_by_key,
    first,
    insert_of,
    parameter_values,
    select_by_key,
    select_columns,
    update_by_key,
    validated,
)
from kit._internal.subsets import Subset
from kit._internal.transactions import bind, committing
from kit._internal.uniqueness import is_duplicate, unique
from kit.settings import Settings

__all__ = [
    "Database",
    "RequestSession",
    "Source",
    "Subset",
    "is_duplicate",
    "references",
    "select_columns",
    "unique",
    "unreferenced",
]


class Database:
    """A database: one connection pool, and the engines and sessions that use it.

    - For a single statement in its own transaction: row(), rows(), insert(), update(), delete().
    - For several statements in one transaction: `async_sessionmaker` objects.
      `async with database.write_sessions.begin() as session` commits at the end and rolls back on
      an error. `read_sessions()` has no transaction; `stream_sessions()` reads row by row.
    - For SQLAlchemy Core: `AsyncEngine` objects. `write_engine` has transactions; `read_engine`
      has none and refuses to change rows.

    `session_options` are those of async_sessionmaker() and override the built-in ones. As an
    asynchronous context manager, a database closes its connections at the end.
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
        """Return the database of DATABASE_URL or of another URL; it connects when first used."""
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

    def within(self, connection: AsyncConnection) -> Self:
        """Return this database in the transaction of a connection.

        Its statements and sessions are savepoints of it: they commit with the transaction.
        """
        return bind(copy(self), connection)

    async def row(self, model: Model, key: object) -> Row | None:
        """Return the row with this primary key as a dict by attribute names, or None.

        Raises TypeError for a model with a primary key of several columns.
        """
        refuse_model(model)
        return first(await self.executor.read(select_by_key(model), {KEY_PARAMETER: key}))

    async def rows(self, statement: Executable, /, **values: object) -> list[Row]:
        """Execute a statement with values for its bindparam()s; return its rows.

        A statement that changes rows is committed; its returning() selects the rows to return.
        """
        if owned_models:
            refuse_statement(statement)
        statement = without_deleted(statement)
        if changes_rows(statement):
            return await self.executor.write(statement, values)
        return await self.executor.read(statement, values)

    async def insert(self, model: Model, /, **values: object) -> Row:
        """Insert a row with these attributes and commit; return the whole row.

        Column defaults and `@validates` methods apply; events and cascades of the ORM do not: use a
        session for those. Raises IntegrityError for a violated constraint: see unique().
        """
        refuse_model(model)
        changes = validated(model, values)
        statement = insert_of(model, tuple(changes))
        rows = await self.executor.write(statement, parameter_values(changes))
        return rows[0]

    async def update(self, model: Model, key: object, /, **values: object) -> Row | None:
        """Update these attributes of a row and commit; return the whole row.

        Returns None if no row has this primary key. Otherwise like insert(); `onupdate` of columns
        applies. Without values, changes nothing.
        """
        refuse_model(model)
        if not values:
            return await self.row(model, key)
        changes = validated(model, values)
        statement = update_by_key(model, tuple(changes))
        parameters = {KEY_PARAMETER: key, **parameter_values(changes)}
        return first(await self.executor.write(statement, parameters))

    async def delete(self, model: Model, key: object) -> bool:
        """Delete the row with this primary key and commit; return whether it existed."""
        refuse_model(model)
        return bool(await self.executor.write(delete_by_key(model), {KEY_PARAMETER: key}))

    def subset(self, /, **values: object) -> Subset:
        """Return the rows with these values of attributes, such as the lines of an order.

            lines = database.subset(order_id=order_id)
            line = await lines.row(OrderLine, line_id)

        See Subset. Values are not None.
        """
        return Subset(self, values)


class Source:
    """The declaration of a database; its methods are FastAPI dependencies.

    Pass it to Service, which opens the database at start-up.

    - `name`: the attribute of `app.state` that has the open Database.
    - `url`: a function that returns the URL from the settings; by default DATABASE_URL.
    - `migrations`: the section of alembic.ini with its revisions; by default `alembic` for
      DATABASE_URL, none for another URL.
    - `required`: whether /health/ready fails if the database does not answer or is not at the head
      of these revisions.
    - `session_options` are those of async_sessionmaker(), `engine_options` those of
      create_async_engine(); they override the built-in ones.
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
        """Return the database of the settings; it connects when first used.

        `async with database.open(settings) as opened:` closes its connections at the end.
        """
        url = settings.database_url
        if self.url is not None:
            url = self.url(settings)
        return Database.from_settings(settings, url, self.session_options, **self.engine_options)

    def of(self, request: HTTPConnection) -> Database:
        """Return the database of the application, or of the service that mounts it.

        Raises RuntimeError if no lifespan has opened it.
        """
        database = getattr(request.app.state, self.name, None)
        if database is None:
            service = request.scope.get("service", request.app)
            database = getattr(service.state, self.name, None)
        if database is None:
            raise RuntimeError(f"no {self.name} is open: the lifespan of the application opens it")
        return cast("Database", database)

    async def service_database(self, request: HTTPConnection) -> Database:
        """Return the database, for single statements and for sessions that the route opens."""
        return self.of(request)

    async def write_session(self, request: HTTPConnection) -> AsyncIterator[AsyncSession]:
        """Yield a session that commits when the route returns, before the response is sent.

        It rolls back on any exception, including a cancelled request. Use it with
        `Depends(..., scope="function")`: FastAPI's default scope ends after the response.
        """
        async with committing(self.of(request).write_sessions) as session:
            yield session

    async def read_session(self, request: HTTPConnection) -> AsyncIterator[AsyncSession]:
        """Yield a read-only session: it has no transaction and refuses to change rows."""
        async with self.of(request).read_sessions() as session:
            yield session
