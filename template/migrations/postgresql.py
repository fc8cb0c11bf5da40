"""How migrations connect to PostgreSQL, one migrator at a time."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from app.settings import Settings

logger = logging.getLogger(__name__)

DIALECT = "postgresql"
# A revision is a transaction: those before one that fails stay, the failed one leaves nothing.
OPTIONS: dict[str, Any] = {"transaction_per_migration": True}
# Held by the session rather than the transaction, because a revision may commit in between
# (CREATE INDEX CONCURRENTLY); asked for again and again rather than waited for, because a waiting
# session would block that very index. Closing the connection frees it.
LOCK = text("SELECT pg_try_advisory_lock(hashtextextended('alembic_version', 0))")


@contextmanager
def connect(settings: Settings, *, alone: bool) -> Iterator[Connection]:
    """Yield a connection, with `alone` once no other process migrates the same database.

    Raises CommandError when the database does not answer or the wait takes too long.
    """
    url = settings.database_url.set(drivername="postgresql+psycopg")
    defaults = {
        "application_name": f"{settings.service_name} migrations",
        "connect_timeout": max(2, round(settings.connection_timeout)),
    }
    arguments = {key: value for key, value in defaults.items() if key not in url.query}
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
    try:
        connection = engine.connect()
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0].removeprefix("connection is bad: ")
        raise CommandError(
            f"cannot connect to {settings.database_url!r}: {reason};"
            " `make db-start` starts the PostgreSQL of development"
        ) from error
    with connection:
        if alone:
            wait_for_lock(connection, settings.migration_timeout)
        yield connection


def wait_for_lock(connection: Connection, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    waiting = False
    while True:
        locked = connection.scalar(LOCK)
        connection.commit()
        if locked:
            return
        if time.monotonic() > deadline:
            raise CommandError(f"another process has been migrating for {timeout:g} seconds")
        if not waiting:
            logger.info("another process is migrating; waiting up to %g seconds", timeout)
            waiting = True
        time.sleep(0.1)
