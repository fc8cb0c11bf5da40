"""How migrations reach SQLite: one migrator at a time, and all of a run or nothing."""

import logging
import sqlite3
from collections.abc import Callable
from typing import Any

from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from kit._internal.dialect import MigrationSettings
from kit._internal.sqlite.comparison import find_foreign_tables, is_same_default
from kit._internal.sqlite.errors import ERRORS

logger = logging.getLogger(__name__)

# SQLite changes a table by copying it ("batch"), and all of that can be part of a transaction.
OPTIONS: dict[str, Any] = {
    "render_as_batch": True,
    "transactional_ddl": True,
    "find_foreign_tables": find_foreign_tables,
    "is_same_default": is_same_default,
}


def connect(settings: MigrationSettings, begin: str = "BEGIN IMMEDIATE") -> Connection:
    """Return a connection of its own, each transaction of which waits until nobody else writes.

    Foreign keys are not enforced on it: copying a table would empty those that refer to it.
    Raises CommandError when the database cannot be opened, or the wait takes too long.
    """
    url = settings.migration_url.set(drivername="sqlite+pysqlite")
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    # The driver would begin at the first INSERT, and commit the tables made until then.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    try:
        connection = engine.connect()
        wait_for_lock(connection, settings.migration_timeout)
    except OperationalError as error:
        raise CommandError(f"cannot use {url.database}: {error.orig}") from error
    return connection


def wait_for_lock(connection: Connection, timeout: float) -> None:
    """Wait until nobody else writes, but not without a word."""
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
            # A BEGIN that had to wait in vain may have begun nevertheless.
            driver.rollback()


def migrate(
    run: Callable[..., None], settings: MigrationSettings, *, looking: bool, schema: str | None
) -> None:
    """Call `run` with a connection; unless it only looks, in a transaction of its own.

    Raises CommandError where that cannot be had, when a statement fails, and when a foreign key
    would no longer hold.
    """
    if schema:
        use_schema(schema)
    with connect(settings, "BEGIN" if looking else "BEGIN IMMEDIATE") as connection:
        event.listen(connection, "commit", check_foreign_keys)
        try:
            run(connection=connection)
        except DBAPIError as error:
            raise CommandError(f"rolled back: {ERRORS.describe_statement(error)}") from error


def use_schema(schema: str) -> str:
    raise CommandError(f"SQLite has no schemas: -x schema={schema} names none")


def check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        tables = ", ".join(sorted({row[0] for row in broken}))
        raise CommandError(
            f"{len(broken)} rows of {tables} refer to rows that do not exist: nothing was changed"
        )
