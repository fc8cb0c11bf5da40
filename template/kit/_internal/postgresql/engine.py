"""What is particular to PostgreSQL: the application's engine, and what its errors mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event, exc

from kit._internal.engines import merge_options
from kit._internal.postgresql.errors import ERRORS
from kit._internal.postgresql.privileges import explain_denial, find_obstacle
from kit._internal.postgresql.url import parse_any_url, parse_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import URL, ExceptionContext
    from sqlalchemy.ext.asyncio import AsyncEngine

    from kit._internal.dialect import EngineSettings, Options

# What kit._internal.dialect.Dialect asks for; mypy sees no other names of a module with __all__.
__all__ = [
    "ERRORS",
    "STREAMING",
    "WRITING",
    "create_reader",
    "explain_denial",
    "find_obstacle",
    "is_duplicate",
    "is_outdated",
    "is_unavailable",
    "parse_any_url",
    "parse_url",
]

WRITING: dict[str, Any] = {"isolation_level": "READ COMMITTED", "writing": True}
# asyncpg has cursors in a transaction only; all that it reads in this one is of one moment.
STREAMING: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# asyncpg, and SQLAlchemy on top of it, send a statement anew with each execution: a prepared one is
# known to one connection, and a pooler may run the next execution on another.
WITHOUT_PREPARED_STATEMENTS = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
# SQLSTATE classes after which the same request may succeed a moment later: connection lost,
# transaction rolled back, out of resources, object in use, stopped by an operator, system error.
TRANSIENT_STATES = ("08", "40", "53", "55", "57", "58")
# A server that took writes, and is a standby now.
READ_ONLY_STATE = "25006"
READ_ONLY_TARGETS = {"read-only", "standby", "prefer-standby"}
# What does not exist: a table, a column, a type, a schema.
UNDEFINED = {"42P01", "42703", "42704", "3F000"}


def create_reader(url: URL, settings: EngineSettings, options: Options) -> AsyncEngine:
    """Return the engine for reading; nothing connects before the first statement."""
    # Migrations, which read the settings too, start without these.
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    from kit._internal.sessions import refuse_changes  # noqa: PLC0415

    pool_size, max_overflow = settings.pool_sizes
    usual = {
        "isolation_level": "AUTOCOMMIT",  # No round trips of BEGIN and COMMIT.
        "connect_args": {
            "async_creator_fn": create_connector(url, settings),
            "server_settings": session_parameters(url, settings),
            **(WITHOUT_PREPARED_STATEMENTS if settings.transaction_pooling else {}),
        },
        "pool_size": pool_size,
        "max_overflow": max_overflow,
        "pool_timeout": settings.connection_timeout,
        "pool_recycle": int(settings.connection_max_age),
        "hide_parameters": True,
    }
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg", query={}), **merge_options(usual, options)
    )
    event.listen(engine.sync_engine, "checkout", replace_closed)
    if url.query.get("target_session_attrs") not in READ_ONLY_TARGETS:
        event.listen(engine.sync_engine, "handle_error", replace_read_only)
    refuse_changes(engine.sync_engine)
    return engine


def create_connector(url: URL, settings: EngineSettings) -> Callable[..., Awaitable[Any]]:
    """Return the function that opens a connection to one of the servers of the URL."""
    from kit._internal.postgresql.servers import FAILURES, Servers  # noqa: PLC0415

    servers = Servers(url, settings.connection_timeout, settings.statement_timeout)

    async def connect(**arguments: Any) -> Any:  # noqa: ANN401
        try:
            return await servers.connect(**arguments)
        except FAILURES as error:
            raise exc.OperationalError(None, None, error) from error

    return connect


def session_parameters(url: URL, settings: EngineSettings) -> dict[str, str]:
    """Return what a connection sets; behind a pooler that is its name only."""
    session = {"application_name": settings.service_name}
    if "application_name" in url.query:
        session = {}
    if settings.transaction_pooling:
        return session
    session["statement_timeout"] = f"{settings.statement_timeout * 1000:.0f}"
    if not settings.durable_commits:
        session["synchronous_commit"] = "off"
    return session


def replace_closed(connection: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401
    """Have the pool replace a connection that the server has closed, without asking the server."""
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError


def replace_read_only(context: ExceptionContext) -> None:
    """Have the pool replace its connections when their server has become a standby."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY_STATE:
        context.is_disconnect = True


def is_duplicate(error: exc.DBAPIError, table: str, column: str) -> bool:
    """Return whether another row has the same value in this column, which is unique."""
    return f'"uq_{table}_{column}"' in str(error.orig)


def is_unavailable(error: exc.DBAPIError) -> bool:
    """Return whether the database, rather than the statement, is the reason of the error."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return (
        error.connection_invalidated
        or isinstance(error, exc.OperationalError | exc.InterfaceError)
        or state.startswith(TRANSIENT_STATES)
    )


def is_outdated(error: exc.DBAPIError) -> bool:
    """Return whether the statement names a table or column that the database does not have."""
    return getattr(error.orig, "sqlstate", None) in UNDEFINED
