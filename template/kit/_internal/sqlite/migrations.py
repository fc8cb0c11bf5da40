"""Connections of migrations to SQLite: one process migrates, all revisions or none."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from kit._internal.dialect import MigrationSettings
from kit._internal.migrations.renames_in_place import rename_in_place
from kit._internal.sqlite.comparison import find_foreign_tables, is_same_default
from kit._internal.sqlite.errors import ERRORS
from kit._internal.sqlite.guards import refuse_rows

logger = logging.getLogger(__name__)

# Alembic changes a SQLite table by copying it ("batch"), in the transaction.
OPTIONS: dict[str, Any] = {
    "render_as_batch": True,
    "transactional_ddl": True,
    "find_foreign_tables": find_foreign_tables,
    "is_same_default": is_same_default,
    "refuse_rows": refuse_rows,
    "rename_in_place": rename_in_place,
}


def connect(settings: MigrationSettings, begin: str = "BEGIN IMMEDIATE") -> Connection:
    """Return a new connection whose transactions wait until no other process writes.

    It does not enforce foreign keys: copying a table would delete the rows that refer to it.
    Raises CommandError if the database cannot be opened or the wait takes too long.
    """
    url = settings.migration_url.set(drivername="sqlite+pysqlite")
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    # The driver would begin at the first INSERT and commit tables created before it.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    try:
        connection = engine.connect()
        wait_for_lock(connection, settings.migration_timeout)
    except OperationalError as error:
        raise CommandError(f"cannot use {url.database}: {error.orig}") from error
    return connection


def wait_for_lock(connection: Connection, timeout: float) -> None:
    """Wait until no other process writes; log the wait."""
    driver: Any = connection.connection.driver_connection
    for wait in (0, timeout):
        driver.execute(f"PRAGMA busy_timeout = {wait * 1000:.0f}")
        try:
            with connection.begin():
                connection.exec_driver_sql("SELECT 1 FROM sqlite_schema")
        except OperationalError as error:
            busy = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            if wait or not busy:
                raise
            logger.info("another process is writing; waiting up to %g seconds", timeout)
        finally:
            # A BEGIN that timed out may still have begun a transaction.
            driver.rollback()


@contextmanager
def open_connection(
    settings: MigrationSettings, *, read_only: bool, schema: str | None
) -> Iterator[Connection]:
    """Open a connection for migrations; unless it only reads, no other process may write.

    Raises CommandError if it cannot be opened, a statement fails, or foreign keys are violated.
    """
    if schema:
        use_schema(schema)
    begin = "BEGIN IMMEDIATE"
    if read_only:
        begin = "BEGIN"
    with connect(settings, begin) as connection:
        event.listen(connection, "commit", check_foreign_keys)
        try:
            yield connection
        except DBAPIError as error:
            raise CommandError(f"rolled back: {ERRORS.describe_statement(error)}") from error


def attempts(
    _connection: Connection, _settings: MigrationSettings
) -> Iterator[AbstractContextManager[None]]:
    """Yield one context: the transaction has the lock, so no retry is needed."""
    yield nullcontext()


def use_schema(schema: str) -> str:
    """Raise CommandError: SQLite has no schemas."""
    raise CommandError(f"SQLite has no schemas: -x schema={schema} names none")


def check_foreign_keys(connection: Connection) -> None:
    """Raise CommandError, before a commit, for rows that refer to rows that do not exist."""
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        tables = ", ".join(sorted({row.table for row in broken}))
        raise CommandError(
            f"{len(broken)} rows of {tables} refer to rows that do not exist: nothing was changed"
        )
