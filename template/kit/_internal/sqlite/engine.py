"""What is particular to SQLite: the application's engine, and what its errors mean."""

from __future__ import annotations

import logging
import re
import sqlite3
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import DBAPIError

from kit._internal.engines import merge_options
from kit._internal.error_texts import Obstacle
from kit._internal.sqlite.errors import ERRORS
from kit._internal.sqlite.url import parse_any_url, parse_url

if TYPE_CHECKING:
    from sqlalchemy.engine import ExecutionContext
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

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

# Not AUTOCOMMIT for reading: a request cancelled while it is left keeps its connection.
WRITING: dict[str, Any] = {"writing": True}
# A statement sees the same rows until its cursor is closed, without BEGIN.
STREAMING: dict[str, Any] = {}
# Primary result codes after which the same request may succeed a moment later.
TRANSIENT_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
UNDEFINED = r"no such (table|column): |table .+ has no column named "


def create_reader(url: URL, settings: EngineSettings, options: Options) -> AsyncEngine:
    """Return the engine for reading; nothing connects before the first statement."""
    # Migrations, which read the settings too, start without these.
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    from kit._internal.sessions import refuse_changes  # noqa: PLC0415

    # Its debug messages have the values of statements.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    pool_size, max_overflow = settings.pool_sizes
    # A database in memory is its one connection; only a file has a pool.
    pool: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": max_overflow,
        "pool_timeout": settings.connection_timeout,
        "pool_recycle": int(settings.connection_max_age),
    }
    usual = {
        "connect_args": {"timeout": settings.statement_timeout},
        "hide_parameters": True,
        **(pool if url.database else {}),
    }
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"), **merge_options(usual, options)
    )
    event.listen(engine.sync_engine, "connect", configure_connection)
    if not settings.durable_commits:
        event.listen(engine.sync_engine, "connect", relax_durability)
    event.listen(engine.sync_engine, "begin", begin_immediate)
    event.listen(engine.sync_engine, "do_execute", keep_stream)
    event.listen(engine.sync_engine, "reset", close_streams)
    refuse_changes(engine.sync_engine)
    return engine


def configure_connection(connection: Any, _record: object) -> None:  # noqa: ANN401
    """Have SQLite enforce foreign keys and let readers go on while one connection writes."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA journal_mode = WAL")
    # In WAL, NORMAL leaves the last commits to the operating system: a power cut may lose them.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def relax_durability(connection: Any, _record: object) -> None:  # noqa: ANN401
    """Have a commit not wait for the disk; a checkpoint still does, so nothing gets corrupt."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def keep_stream(cursor: Any, _statement: str, _values: object, context: ExecutionContext) -> None:  # noqa: ANN401
    """Remember a cursor whose rows are read one by one."""
    if cursor.server_side:
        context.root_connection.info.setdefault("streams", []).append(cursor)


def close_streams(_connection: object, record: ConnectionPoolEntry, state: PoolResetState) -> None:
    """Close such cursors with their session: SQLite would read on, on a connection of others."""
    if state.asyncio_safe:
        for cursor in record.info.pop("streams", ()):
            cursor.close()


def begin_immediate(connection: Connection) -> None:
    """Begin for real: the driver itself would wait for the first change, and not cover DDL.

    IMMEDIATE takes the write lock now, where waiting works; a later upgrade of a read lock
    fails at once when somebody else has written in between.
    """
    if connection.get_execution_options().get("writing"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def is_duplicate(error: DBAPIError, table: str, column: str) -> bool:
    """Return whether another row has the same value in this column, which is unique."""
    return str(error.orig) == f"UNIQUE constraint failed: {table}.{column}"


def is_unavailable(error: DBAPIError) -> bool:
    """Return whether the database, rather than the statement, is the reason of the error."""
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return error.connection_invalidated or code & 0xFF in TRANSIENT_CODES


def explain_denial(_error: DBAPIError, _role: str | None) -> Obstacle | None:
    """Return None: SQLite has no privileges."""
    return None


def find_obstacle(_connection: Connection) -> Obstacle | None:
    return None


def is_outdated(error: DBAPIError) -> bool:
    """Return whether the statement names a table or column that the database does not have."""
    return re.match(UNDEFINED, str(error.orig)) is not None
