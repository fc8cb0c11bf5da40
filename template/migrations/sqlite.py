"""How migrations reach SQLite: one migrator at a time, and all of a run or nothing."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from app.settings import Settings

logger = logging.getLogger(__name__)

DIALECT = "sqlite"
# SQLite changes a table by copying it ("batch"), and all of that can be part of a transaction.
OPTIONS: dict[str, Any] = {"render_as_batch": True, "transactional_ddl": True}


@contextmanager
def connect(settings: Settings, begin: str = "BEGIN IMMEDIATE") -> Iterator[Connection]:
    """Yield a connection of its own, each transaction of which waits until nobody else writes.

    Foreign keys are not enforced on it: copying a table would empty those that refer to it.
    Raises CommandError when the database cannot be opened, or the wait takes too long.
    """
    url = settings.migration_database_url or settings.database_url
    url = url.set(drivername="sqlite+pysqlite")
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    # The driver would begin at the first INSERT, and commit the tables made until then.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    try:
        connection = engine.connect()
        driver = connection.connection.driver_connection
        wait_for_lock(cast("sqlite3.Connection", driver), begin, settings.migration_timeout)
    except (OperationalError, sqlite3.OperationalError) as error:
        reason = error.orig if isinstance(error, OperationalError) else error
        raise CommandError(f"cannot use {url.database}: {reason}") from error
    with connection:
        yield connection


def wait_for_lock(driver: sqlite3.Connection, begin: str, timeout: float) -> None:
    """Wait until nobody else writes, but not without a word."""
    for wait in (0, timeout):
        driver.execute(f"PRAGMA busy_timeout = {wait * 1000:.0f}")
        try:
            driver.execute(begin)
            driver.execute("SELECT 1 FROM sqlite_schema")
        except sqlite3.OperationalError as error:
            if wait or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            logger.info("another process is writing; waiting up to %g seconds", timeout)
        finally:
            driver.rollback()


def migrate(
    run: Callable[..., None], settings: Settings, *, looking: bool, schema: str | None
) -> None:
    """Call `run` with a connection; unless it only looks, in a transaction of its own.

    Raises CommandError where that cannot be had, or when a foreign key would no longer hold.
    """
    if schema:
        use_schema(schema)
    with connect(settings, "BEGIN" if looking else "BEGIN IMMEDIATE") as connection:
        event.listen(connection, "commit", check_foreign_keys)
        run(connection=connection)


def use_schema(schema: str) -> list[str]:
    raise CommandError(f"SQLite has no schemas: -x schema={schema} names none")


def check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        tables = ", ".join(sorted({row[0] for row in broken}))
        raise CommandError(
            f"{len(broken)} rows of {tables} refer to rows that do not exist: nothing was changed"
        )
