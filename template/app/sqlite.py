"""What is particular to SQLite: how DATABASE_URL is read, and the application's engine."""

from __future__ import annotations

import logging
import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from app.database_errors import Obstacle

if TYPE_CHECKING:
    from sqlalchemy.engine import ExecutionContext
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

    from app.settings import Settings

PROJECT_DIR = Path(__file__).resolve().parent.parent
# Not AUTOCOMMIT for reading: a request cancelled while it is left keeps its connection.
WRITING: dict[str, Any] = {"writing": True}
# A statement sees the same rows until its cursor is closed, without BEGIN.
STREAMING: dict[str, Any] = {}
EXAMPLE = "sqlite:///file.db"
UNREADABLE = (ArgumentError, ValueError)
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


def parse_url(value: str) -> URL:
    """Return DATABASE_URL without its driver, its file as an absolute path.

    A relative path is relative to the project, wherever the command runs. Raises ValueError
    with a reason free of secrets.
    """
    scheme, separator, rest = value.strip().partition("://")
    if not separator or scheme.partition("+")[0] != "sqlite":
        known = separator and re.fullmatch(r"[a-z0-9+]+", scheme)
        raise ValueError(f"has to look like {EXAMPLE}" + (f", not {scheme}://..." if known else ""))
    try:
        url = make_url(f"sqlite://{rest}")
    except UNREADABLE:
        raise ValueError(f"cannot be read: it has to look like {EXAMPLE}") from None
    if url.host or url.username or url.password or url.port:
        raise ValueError(
            f"names a host; a file has three slashes ({EXAMPLE}), four for an absolute path"
        )
    if url.query:
        raise ValueError(f"has parameters, of which SQLite takes none here: {', '.join(url.query)}")
    if not url.database or url.database == ":memory:":
        return url._replace(database=None)
    path = PROJECT_DIR / url.database
    if not path.parent.is_dir():
        raise ValueError(f"names a file in a folder that does not exist: {path.parent}")
    return url.set(database=str(path))


parse_any_url = parse_url


def create_reader(settings: Settings) -> AsyncEngine:
    """Return the engine for reading; nothing connects before the first statement."""
    # Migrations, which read the settings too, start without these.
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    from app.sessions import refuse_changes  # noqa: PLC0415

    # Its debug messages have the values of statements.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    url = settings.database_url
    pool_size, max_overflow = settings.pool_sizes
    # A database in memory is its one connection; only a file has a pool.
    pool: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": max_overflow,
        "pool_timeout": settings.connection_timeout,
        "pool_recycle": int(settings.connection_max_age),
    }
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        connect_args={"timeout": settings.statement_timeout},
        hide_parameters=True,
        **(pool if url.database else {}),
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
