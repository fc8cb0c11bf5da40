"""How migrations reach PostgreSQL: one migrator at a time, and nobody queues behind it."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from alembic import context
from alembic.util import CommandError
from psycopg.sql import Identifier
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from app.settings import Settings
from migrations.postgresql_limits import revisions, run_patiently

logger = logging.getLogger(__name__)

DIALECT = "postgresql"
# A revision is a transaction: those before one that fails stay, the failed one leaves nothing.
OPTIONS: dict[str, Any] = {"transaction_per_migration": True}
# Held by the session rather than the transaction, because a revision may commit in between
# (CREATE INDEX CONCURRENTLY); asked for again and again rather than waited for, because a waiting
# session would block that very index. Closing the connection frees it.
LOCK = text(
    "SELECT pg_try_advisory_lock(hashtextextended(concat(current_schema(), '.alembic_version'), 0))"
)
# Left behind by an index build that was interrupted, rather than being built at this moment.
INVALID_INDEXES = text("""
    SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE NOT indisvalid AND relkind = 'i' AND NOT EXISTS (
        SELECT FROM pg_stat_progress_create_index AS build WHERE build.index_relid = indexrelid
    )
""")


@contextmanager
def connect(settings: Settings) -> Iterator[Connection]:
    """Yield a connection of its own; raise CommandError when the database does not answer."""
    address = settings.migration_database_url or settings.database_url
    url = address.set(drivername="postgresql+psycopg")
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
            f"cannot connect to {address!r}: {reason};"
            " `make db-start` starts the PostgreSQL of development"
        ) from error
    with connection:
        yield connection


def migrate(
    run: Callable[..., None], settings: Settings, *, looking: bool, schema: str | None
) -> None:
    """Call `run` with a connection; unless it only looks, as the only one and with timeouts.

    Raises CommandError where that cannot be had, or when a timeout has passed.
    """
    with connect(settings) as connection:
        if schema:
            exists = inspect(connection).has_schema(schema)
            for statement in use_schema(schema)[1 if exists else 0 :]:
                connection.execute(text(statement))
            connection.commit()
            connection.dialect.default_schema_name = schema
        if looking:
            run(connection=connection)
            return
        refuse_shared_session(connection, settings)
        wait_for_lock(connection, settings.migration_timeout)
        report_invalid_indexes(connection)
        run_patiently(run, connection, settings)


def use_schema(schema: str) -> list[str]:
    """Return the statements after which this schema is the one that is migrated."""
    name = Identifier(schema).as_string()
    return [f"CREATE SCHEMA IF NOT EXISTS {name}", f"SET search_path TO {name}"]


def refuse_shared_session(connection: Connection, settings: Settings) -> None:
    """Raise CommandError where a pooler gives the session to others between transactions."""

    def server_process(on: Connection) -> object:
        process = on.scalar(text("SELECT pg_backend_pid()"))
        on.commit()
        return process

    driver: Any = connection.connection.driver_connection
    if server_process(connection) == driver.info.backend_pid:
        return  # What greeted us is what answers: there is no pooler.
    with connection.engine.connect() as other:
        mine = {server_process(connection) for _ in range(2)}
        theirs = {server_process(other) for _ in range(2)}
    if len(mine) > 1 or mine & theirs:
        name = "MIGRATION_DATABASE_URL" if settings.migration_database_url else "DATABASE_URL"
        raise CommandError(
            f"{name} leads to a pooler in transaction mode, where the lock that keeps migrations"
            " apart would not hold: let MIGRATION_DATABASE_URL lead to the server itself"
        )


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


def report_invalid_indexes(connection: Connection) -> None:
    """Say how to repair them; raise CommandError unless there is nothing to migrate anyway."""
    names = connection.scalars(INVALID_INDEXES).all()
    if names:
        message = (
            f"invalid, as CREATE INDEX CONCURRENTLY was interrupted: {', '.join(names)}."
            f" Repair it by DROP INDEX CONCURRENTLY {names[0]}; where its revision has been"
            f" applied, by REINDEX INDEX CONCURRENTLY {names[0]}"
        )
        if revisions(connection) != set(context.script.get_heads()):
            raise CommandError(message)
        logger.warning(message)
    connection.commit()
