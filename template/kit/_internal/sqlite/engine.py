"""The engines of the service on SQLite, and the meaning of its errors."""

from __future__ import annotations

import logging
import re
import sqlite3
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, event, literal, select
from sqlalchemy.exc import DBAPIError

from kit._internal.engine_options import merge_options
from kit._internal.error_texts import Obstacle
from kit._internal.sqlite.errors import ERRORS
from kit._internal.sqlite.url import parse_any_url, parse_url

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Executable, Table
    from sqlalchemy.dialects.sqlite import Insert
    from sqlalchemy.engine import ExecutionContext
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

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

# A 64-bit integer has this many digits in any case. There are no exact decimals.
DECIMAL_DIGITS: int | None = 18
# No AUTOCOMMIT: a request that is cancelled while the driver leaves it would keep its connection.
WRITE_OPTIONS: dict[str, Any] = {"may_write": True}
STATEMENT_OPTIONS: dict[str, Any] = {"may_write": True}
# A stream sees the rows as of its start, without BEGIN.
STREAM_OPTIONS: dict[str, Any] = {}
# Primary result codes after which the same request may soon succeed.
TRANSIENT_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
# SQLite reports RESTRICT as a trigger, with the same message.
REFERENCE_MESSAGE = "FOREIGN KEY constraint failed"
UNDEFINED_MESSAGE = r"no such (table|column): |table .+ has no column named "


def create_read_engine(url: URL, settings: EngineSettings, options: Options) -> AsyncEngine:
    """Return the engine that reads; it connects at the first statement."""
    # Imported here: migrations import this module for parse_url() and do not need these.
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    from kit._internal.sessions import refuse_changes  # noqa: PLC0415

    # Debug messages of aiosqlite contain values of statements.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    built_in_options: dict[str, Any] = {
        "connect_args": {"timeout": settings.statement_timeout},
        "hide_parameters": True,
    }
    # An in-memory database exists in one connection; a file has a pool.
    if url.database:
        pool_size, max_overflow = settings.pool_sizes
        built_in_options |= {
            "pool_size": pool_size,
            "max_overflow": max_overflow,
            "pool_timeout": settings.connection_timeout,
            "pool_recycle": int(settings.connection_max_age),
            **settings.telemetry_options,
        }
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"), **merge_options(built_in_options, options)
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
    """Enforce foreign keys, and allow reads while another connection writes."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA journal_mode = WAL")
    # With WAL and NORMAL, a power failure may lose the last commits.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def relax_durability(connection: Any, _record: object) -> None:  # noqa: ANN401
    """Make commits not wait for the disk; checkpoints still do, so no file is corrupted."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def keep_stream(cursor: Any, _statement: str, _values: object, context: ExecutionContext) -> None:  # noqa: ANN401
    """Remember a cursor whose rows are streamed."""
    if cursor.server_side:
        context.root_connection.info.setdefault("streams", []).append(cursor)


def close_streams(_connection: object, record: ConnectionPoolEntry, state: PoolResetState) -> None:
    """Close cursors of streams when their connection returns to the pool."""
    if state.asyncio_safe:
        for cursor in record.info.pop("streams", ()):
            cursor.close()


def begin_immediate(connection: Connection) -> None:
    """Begin a transaction that writes; the driver would begin at the first INSERT, not for DDL.

    IMMEDIATE waits for the write lock now. Upgrading a read lock later does not wait, and fails if
    another connection has written in between.
    """
    if connection.get_execution_options().get("may_write"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def insert_into(table: Table) -> Insert:
    """Return an INSERT, which has `on_conflict_do_update()`."""
    from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415

    return insert(table)


def try_lock(_number: int) -> Executable:
    """Return a SELECT of true: BEGIN IMMEDIATE has waited until no other transaction writes."""
    return select(literal(1))


def is_duplicate(error: DBAPIError, names: Collection[str], columns: Sequence[str]) -> bool:
    """Return whether another row has the same values: the message names columns or an index."""
    broken = {", ".join(columns), *(f"index '{name}'" for name in names)}
    return str(error.orig).removeprefix("UNIQUE constraint failed: ") in broken


def breaks_reference(error: DBAPIError) -> bool:
    """Return whether a foreign key refuses a change; the message does not say which."""
    return str(error.orig) == REFERENCE_MESSAGE


def is_unavailable(error: DBAPIError) -> bool:
    """Return whether the database, not the statement, causes the error."""
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return error.connection_invalidated or code & 0xFF in TRANSIENT_CODES


def explain_denial(_error: DBAPIError, _role: str | None) -> Obstacle | None:
    """Return None: SQLite has no privileges."""
    return None


def find_obstacle(_connection: Connection) -> Obstacle | None:
    """Return None: a process that can open the file sees its tables."""
    return None


def is_outdated(error: DBAPIError) -> bool:
    """Return whether the statement names a table or column that does not exist."""
    return re.match(UNDEFINED_MESSAGE, str(error.orig)) is not None
