"""How migrations reach PostgreSQL: one migrator at a time, and nobody queues behind it."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from psycopg.errors import LockNotAvailable
from psycopg.sql import Identifier
from sqlalchemy import Connection, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from kit._internal.dialect import MigrationSettings
from kit._internal.postgresql.comparison import find_foreign_tables, is_same_default
from kit._internal.postgresql.errors import ERRORS
from kit._internal.postgresql.privileges import (
    SQL_ASCII,
    explain_denial,
    explain_message,
    find_obstacle,
)

Run = Callable[..., None]
logger = logging.getLogger(__name__)

# A revision is a transaction: those before one that fails stay, the failed one leaves nothing.
OPTIONS: dict[str, Any] = {
    "transaction_per_migration": True,
    "find_foreign_tables": find_foreign_tables,
    "is_same_default": is_same_default,
}
# Held by the session, as a revision may commit in between (CREATE INDEX CONCURRENTLY); asked for
# again and again, as a session that waits would block that very index. Freed with the connection.
LOCK = text(
    "SELECT pg_try_advisory_lock(hashtextextended(concat(current_schema(), '.alembic_version'), 0))"
)
# Left behind by an index build that was interrupted, rather than being built at this moment.
INVALID_INDEXES = text("""
    SELECT indexrelid::regclass FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE NOT indisvalid AND relkind = 'i'
    EXCEPT SELECT index_relid::regclass FROM pg_stat_progress_create_index
""")
# Statements that may wait and run for long, as nobody waits for them; and that may set limits.
PATIENT = re.compile(r"CONCURRENTLY\b|VALIDATE\s+CONSTRAINT\b")
LIMITING = re.compile(r"_TIMEOUT\b|RESET\b|DISCARD\b")
LIMITS = "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)"


def connect(settings: MigrationSettings) -> Connection:
    """Return a connection of its own; raise CommandError when the database does not answer."""
    query = {
        "fallback_application_name": f"{settings.service_name} migrations",
        "connect_timeout": str(max(2, round(settings.connection_timeout))),
        **settings.migration_url.query,
    }
    address = settings.migration_url.set(drivername="postgresql+psycopg", query=query)
    engine = create_engine(address, poolclass=NullPool, hide_parameters=True)
    # Before SQLAlchemy itself asks the server, and is not able to read the answer.
    event.listen(engine, "connect", refuse_bytes, insert=True)
    try:
        connection = engine.connect()
    except (OperationalError, UnicodeError) as error:
        reason = ERRORS.describe(error)
        denial = explain_message(reason, "", settings.migration_url.username)
        if denial:
            raise CommandError(str(denial)) from error
        raise CommandError(
            f"cannot connect to {settings.migration_url!r}: {reason};"
            " `make db-start` starts the PostgreSQL of development"
        ) from error
    refuse_obstacle(connection)
    return connection


def refuse_bytes(connection: Any, _record: object) -> None:  # noqa: ANN401
    """Raise CommandError where psycopg returns bytes, as it does not know their encoding."""
    if connection.info.parameter_status("client_encoding") == "SQL_ASCII":
        raise CommandError(str(SQL_ASCII))


def refuse_obstacle(connection: Connection) -> None:
    """Raise CommandError when the role may not see the schema that is migrated."""
    obstacle = find_obstacle(connection)
    connection.commit()
    if obstacle and obstacle != SQL_ASCII:
        raise CommandError(str(obstacle))


def migrate(run: Run, settings: MigrationSettings, *, looking: bool, schema: str | None) -> None:
    """Call `run`, as the only one and with timeouts unless it only looks, or raise CommandError."""
    with connect(settings) as connection:
        try:
            if schema:
                connection.execute(text(use_schema(schema)))
                connection.commit()
                connection.dialect.default_schema_name = schema
                refuse_obstacle(connection)
            if looking:
                return run(connection=connection)
            refuse_shared_session(connection)
            limit_statements(connection, settings)
            return run_patiently(run, connection, settings.migration_timeout)
        except DBAPIError as error:
            raise CommandError(find_reason(error, connection)) from error


def use_schema(schema: str) -> str:
    """Return the statement after which this schema is the one that is migrated."""
    return f"SET search_path TO {Identifier(schema).as_string()}"


def refuse_shared_session(connection: Connection) -> None:
    """Raise CommandError where a pooler gives the session to others between transactions."""
    processes = []
    with connection.engine.connect() as other:
        for one in [connection, other] * 5:
            processes.append(one.scalar(text("SELECT pg_backend_pid()")))
            one.commit()
    if processes[0] == processes[1] or processes != processes[:2] * 5:
        raise CommandError(
            "a pooler in transaction mode keeps no lock: let MIGRATION_DATABASE_URL lead past it"
        )


def report_invalid_indexes(connection: Connection) -> None:
    """Say how to repair them; raise CommandError unless there is nothing to migrate anyway."""
    names = ", ".join(connection.scalars(INVALID_INDEXES))
    heads = MigrationContext.configure(connection).get_current_heads()
    repair = "DROP INDEX CONCURRENTLY or, where its revision has been applied, by REINDEX INDEX"
    message = f"half built: {names}. Repair it by {repair} CONCURRENTLY"
    if names and set(heads) != set(context.script.get_heads()):
        raise CommandError(message)
    if names:
        logger.warning(message)


def limit_statements(connection: Connection, settings: MigrationSettings) -> None:
    """Limit how long each statement may wait and take, except those that are in nobody's way."""
    usual = f"{settings.migration_lock_timeout}s", f"{settings.migration_statement_timeout}s"
    connection.exec_driver_sql(LIMITS, usual)
    connection.commit()

    # Of the dialect: with an event of the connection SQLAlchemy does more about any statement.
    @event.listens_for(connection.engine, "do_executemany")
    @event.listens_for(connection.engine, "do_execute")
    def limit(cursor: Any, statement: str, *_: object) -> None:  # noqa: ANN401
        words, before = statement.upper(), connection.info.get(LIMITS)
        patient = PATIENT.search(words)
        if patient or before or LIMITING.search(words):
            # Once a transaction is enough: it loses them when it is rolled back.
            now = connection.get_transaction(), ("0", "0") if patient else usual
            if now != before and not words.startswith("ROLLBACK"):
                cursor.execute(LIMITS, now[1])
            connection.info[LIMITS] = now


def run_patiently(run: Run, connection: Connection, timeout: float) -> None:
    """Call `run` as the only migrator; when a table is in use, let go of it and try again later."""
    deadline, pause = time.monotonic() + timeout, 0.5
    while True:
        obstacle = "another process is migrating"
        if locked := connection.scalar(LOCK):
            report_invalid_indexes(connection)
            connection.commit()
            try:
                return run(connection=connection)
            except DBAPIError as error:
                obstacle = explain(error, connection)
        connection.rollback()
        if time.monotonic() + pause > deadline:
            raise CommandError(f"pg_stat_activity shows who is in the way: {obstacle}")
        logger.warning("trying again in %g seconds: %s", pause, obstacle)
        time.sleep(pause)
        pause = min(2 * pause, 10 if locked else 2)


def explain(error: DBAPIError, connection: Connection) -> str:
    """Return what went wrong; raise CommandError where another attempt would be of no use."""
    failure = f"rolled back: {find_reason(error, connection)}"
    # After some of its steps `+2` would lead further than was asked for.
    target = str(context.get_context().opts.get("destination_rev"))
    if not isinstance(error.orig, LockNotAvailable) or re.search(r"[+-](?!1$)", target):
        raise CommandError(failure) from error
    return failure


def find_reason(error: DBAPIError, connection: Connection) -> str:
    """Return the privilege that was missing, or the statement and what the database said to it."""
    if not connection.invalidated:
        driver: Any = connection.connection.driver_connection
        denial = explain_denial(error, driver.info.user)
        if denial:
            return str(denial)
    return ERRORS.describe_statement(error)
