"""The engines of the service on PostgreSQL, and the meaning of its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event, exc, func, select

from kit._internal.engine_options import merge_options
from kit._internal.postgresql.errors import ERRORS
from kit._internal.postgresql.privileges import explain_denial, find_obstacle
from kit._internal.postgresql.url import parse_any_url, parse_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from sqlalchemy import URL, ExceptionContext, Executable, Table
    from sqlalchemy.dialects.postgresql import Insert
    from sqlalchemy.ext.asyncio import AsyncEngine

    from kit._internal.dialect import EngineSettings, Options

# The names of kit._internal.dialect.Dialect.
__all__ = [
    "DECIMAL_DIGITS",
    "ERRORS",
    "STATEMENT_OPTIONS",
    "STREAM_OPTIONS",
    "WRITE_OPTIONS",
    "breaks_reference",
    "create_read_engine",
    "explain_denial",
    "find_obstacle",
    "insert_into",
    "is_duplicate",
    "is_outdated",
    "is_unavailable",
    "parse_any_url",
    "parse_url",
    "try_lock",
]

# NUMERIC is exact.
DECIMAL_DIGITS: int | None = None
WRITE_OPTIONS: dict[str, Any] = {"isolation_level": "READ COMMITTED", "may_write": True}
# In AUTOCOMMIT, a statement is a transaction without the round trips of BEGIN and COMMIT.
STATEMENT_OPTIONS: dict[str, Any] = {"may_write": True}
# asyncpg has cursors only in transactions. A stream sees the rows as of its start.
STREAM_OPTIONS: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# For transaction pooling: a prepared statement belongs to one server connection, and the pooler may
# run the next execution on another one. So neither asyncpg nor SQLAlchemy keeps them.
WITHOUT_PREPARED_STATEMENTS = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
# SQLSTATE classes after which the same request may soon succeed: connection lost,
# transaction rolled back, out of resources, object in use, stopped by an operator, system error.
TRANSIENT_STATES = ("08", "40", "53", "55", "57", "58")
# The SQLSTATE of a write on a server that has become a standby.
READ_ONLY_STATE = "25006"
READ_ONLY_TARGETS = {"read-only", "standby", "prefer-standby"}
UNAVAILABLE_ERRORS = (exc.OperationalError, exc.InterfaceError)
UNIQUE_VIOLATION = "23505"
# A foreign key without a row, or a row that RESTRICT keeps (from PostgreSQL 18 on).
REFERENCE_VIOLATIONS = {"23503", "23001"}
# A table, a column, a type or a schema that does not exist.
UNDEFINED_STATES = {"42P01", "42703", "42704", "3F000"}


def create_read_engine(url: URL, settings: EngineSettings, options: Options) -> AsyncEngine:
    """Return the engine that reads; it connects at the first statement."""
    # Imported here: migrations import this module for parse_url() and do not need these.
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    from kit._internal.sessions import refuse_changes  # noqa: PLC0415

    connect_args = {
        "async_creator_fn": create_connector(url, settings),
        "server_settings": session_parameters(url, settings),
    }
    if settings.transaction_pooling:
        connect_args.update(WITHOUT_PREPARED_STATEMENTS)
    pool_size, max_overflow = settings.pool_sizes
    built_in_options = {
        "isolation_level": "AUTOCOMMIT",  # No round trips of BEGIN and COMMIT.
        "connect_args": connect_args,
        "pool_size": pool_size,
        "max_overflow": max_overflow,
        "pool_timeout": settings.connection_timeout,
        "pool_recycle": int(settings.connection_max_age),
        "hide_parameters": True,
        **settings.telemetry_options,
    }
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg", query={}),
        **merge_options(built_in_options, options),
    )
    event.listen(engine.sync_engine, "checkout", replace_closed)
    if url.query.get("target_session_attrs") not in READ_ONLY_TARGETS:
        event.listen(engine.sync_engine, "handle_error", replace_read_only)
    refuse_changes(engine.sync_engine)
    return engine


def create_connector(url: URL, settings: EngineSettings) -> Callable[..., Awaitable[Any]]:
    """Return the function that opens a connection to one of the servers of the URL."""
    from kit._internal.postgresql.connector import CONNECTION_ERRORS, Servers  # noqa: PLC0415

    servers = Servers(url, settings.connection_timeout, settings.statement_timeout)

    async def connect(**arguments: Any) -> Any:  # noqa: ANN401
        try:
            return await servers.connect(**arguments)
        except CONNECTION_ERRORS as error:
            raise exc.OperationalError(None, None, error) from error

    return connect


def session_parameters(url: URL, settings: EngineSettings) -> dict[str, str]:
    """Return the parameters that a connection sets; behind a pooler, only its name."""
    parameters = {}
    if "application_name" not in url.query:
        parameters["application_name"] = settings.service_name
    if settings.transaction_pooling:
        return parameters
    parameters["statement_timeout"] = f"{settings.statement_timeout * 1000:.0f}"
    if not settings.durable_commits:
        parameters["synchronous_commit"] = "off"
    return parameters


def replace_closed(connection: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401
    """Make the pool replace a connection that the server has closed, without a round trip."""
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError


def replace_read_only(context: ExceptionContext) -> None:
    """Make the pool replace its connections when their server has become a standby."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY_STATE:
        context.is_disconnect = True


def insert_into(table: Table) -> Insert:
    """Return an INSERT, which has `on_conflict_do_update()`."""
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415

    return insert(table)


def try_lock(number: int) -> Executable:
    """Return a SELECT of whether this transaction has got an advisory lock."""
    return select(func.pg_try_advisory_xact_lock(number))


def is_duplicate(error: exc.DBAPIError, names: Collection[str], _columns: Sequence[str]) -> bool:
    """Return whether another row has the same values, by the name of the violated constraint."""
    if sqlstate_of(error) != UNIQUE_VIOLATION:
        return False
    return ERRORS.describe(error).endswith(tuple(f"constraint {name})" for name in names))


def breaks_reference(error: exc.DBAPIError) -> bool:
    """Return whether a foreign key refuses a change."""
    return sqlstate_of(error) in REFERENCE_VIOLATIONS


def is_unavailable(error: exc.DBAPIError) -> bool:
    """Return whether the database, not the statement, causes the error."""
    if error.connection_invalidated or isinstance(error, UNAVAILABLE_ERRORS):
        return True
    return sqlstate_of(error).startswith(TRANSIENT_STATES)


def is_outdated(error: exc.DBAPIError) -> bool:
    """Return whether the statement names a table or column that does not exist."""
    return sqlstate_of(error) in UNDEFINED_STATES


def sqlstate_of(error: exc.DBAPIError) -> str:
    """Return the SQLSTATE of an error, or an empty string if the driver did not set it."""
    return getattr(error.orig, "sqlstate", None) or ""
