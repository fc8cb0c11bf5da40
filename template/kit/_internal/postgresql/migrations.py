"""Connections of migrations to PostgreSQL: one process migrates, without blocking queries."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from psycopg.errors import LockNotAvailable
from psycopg.sql import Identifier
from sqlalchemy import Connection, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from kit._internal.dialect import MigrationSettings
from kit._internal.postgresql.autovacuum import end_autovacuum
from kit._internal.postgresql.comparison import (
    find_derived_keys,
    find_foreign_tables,
    is_same_default,
)
from kit._internal.postgresql.errors import ERRORS
from kit._internal.postgresql.guards import refuse_rows
from kit._internal.postgresql.privileges import (
    SQL_ASCII,
    explain_denial,
    explain_message,
    find_obstacle,
)
from kit._internal.postgresql.safe import enums
from kit._internal.postgresql.safe.planner import plan
from kit._internal.postgresql.statement_limits import StatementLimits

logger = logging.getLogger(__name__)

# Each revision is a transaction: revisions before a failed one stay applied.
OPTIONS: dict[str, Any] = {
    "transaction_per_migration": True,
    "autogenerate_plugins": [enums.PLUGIN],
    "find_derived_keys": find_derived_keys,
    "find_foreign_tables": find_foreign_tables,
    "is_same_default": is_same_default,
    "plan_revisions": plan,
    "refuse_rows": refuse_rows,
}
# A session lock, as a revision may commit in between (CREATE INDEX CONCURRENTLY). Polled, as a
# session that waits for the lock would block that index.
TRY_LOCK = text(
    "SELECT pg_try_advisory_lock(hashtextextended(concat(current_schema(), '.alembic_version'), 0))"
)
# Indexes whose build was interrupted, without those that are being built.
INVALID_INDEXES = text("""
    SELECT indexrelid::regclass FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE NOT indisvalid AND relkind = 'i'
    EXCEPT SELECT index_relid::regclass FROM pg_stat_progress_create_index
""")


def connect(settings: MigrationSettings) -> Connection:
    """Return a new connection; raise CommandError if the database does not answer."""
    query = {
        "fallback_application_name": f"{settings.service_name} migrations",
        "connect_timeout": str(max(2, round(settings.connection_timeout))),
        **settings.migration_url.query,
    }
    url = settings.migration_url.set(drivername="postgresql+psycopg", query=query)
    # Without SQLAlchemy's cache: Alembic's statements contain revision ids and run once.
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, query_cache_size=0)
    # First: SQLAlchemy's own listener fails on an answer in bytes.
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
            " `make db-start` starts the development database"
        ) from error
    refuse_obstacle(connection)
    return connection


def refuse_bytes(connection: Any, _record: object) -> None:  # noqa: ANN401
    """Raise CommandError for a SQL_ASCII database, whose texts psycopg returns as bytes."""
    if connection.info.parameter_status("client_encoding") == "SQL_ASCII":
        raise CommandError(str(SQL_ASCII))


def refuse_obstacle(connection: Connection) -> None:
    """Raise CommandError if the role may not use the schema."""
    obstacle = find_obstacle(connection)
    connection.commit()
    if obstacle and obstacle != SQL_ASCII:
        raise CommandError(str(obstacle))


@contextmanager
def open_connection(
    settings: MigrationSettings, *, read_only: bool, schema: str | None
) -> Iterator[Connection]:
    """Open a connection for migrations, with timeouts unless it only reads.

    Raises CommandError if it cannot be opened, and for database errors in the context.
    """
    with connect(settings) as connection:
        try:
            if schema:
                connection.execute(text(use_schema(schema)))
                connection.commit()
                connection.dialect.default_schema_name = schema
                refuse_obstacle(connection)
            if not read_only:
                refuse_shared_session(connection)
                StatementLimits(connection, settings).install()
            yield connection
        except DBAPIError as error:
            raise CommandError(find_reason(error, connection)) from error


def use_schema(schema: str) -> str:
    """Return the SQL that selects the schema to migrate."""
    return f"SET search_path TO {Identifier(schema).as_string()}"


def refuse_shared_session(connection: Connection) -> None:
    """Raise CommandError if a pooler shares the session with other clients."""
    processes = []
    with connection.engine.connect() as other:
        for session in [connection, other] * 5:
            processes.append(session.scalar(text("SELECT pg_backend_pid()")))
            session.commit()
    if processes[0] == processes[1] or processes != processes[:2] * 5:
        raise CommandError(
            "a pooler in transaction mode keeps no lock: point MIGRATION_DATABASE_URL at the server"
        )


def report_invalid_indexes(connection: Connection) -> None:
    """Raise CommandError for invalid indexes; log a warning instead if nothing is pending."""
    names = ", ".join(connection.scalars(INVALID_INDEXES))
    heads = MigrationContext.configure(connection).get_current_heads()
    repair = "DROP INDEX CONCURRENTLY or, where its revision has been applied, by REINDEX INDEX"
    message = f"half built: {names}. Repair it by {repair} CONCURRENTLY"
    if names and set(heads) != set(context.script.get_heads()):
        raise CommandError(message)
    if names:
        logger.warning(message)


def attempts(connection: Connection, settings: MigrationSettings) -> Iterator[Attempt]:
    """Yield a context in which this is the only migrating process; again for each retry.

    An attempt that fails because a table is in use releases its locks before the next. Raises
    CommandError if a retry cannot succeed or the time is up.
    """
    pauses = Pauses(settings.migration_timeout)
    while True:
        if not connection.scalar(TRY_LOCK):
            connection.rollback()
            pauses.wait("another process is migrating", longest=2)
            continue
        report_invalid_indexes(connection)
        connection.commit()
        attempt = Attempt(connection)
        yield attempt
        if attempt.failure is None:
            return
        connection.rollback()
        pauses.wait(attempt.failure, longest=10)
        end_autovacuum(connection, attempt.statement)


class Attempt:
    """A context that handles the errors after which a migration may be retried."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.failure: str | None = None
        # The one that failed.
        self.statement = ""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, DBAPIError):
            return False
        self.failure = f"rolled back: {find_reason(error, self.connection)}"
        self.statement = error.statement or ""
        if not may_be_retried(error):
            raise CommandError(self.failure) from error
        return True


def may_be_retried(error: DBAPIError) -> bool:
    """Return whether a table was in use and the command still leads to the same revision."""
    if not isinstance(error.orig, LockNotAvailable):
        return False
    # If a step of `+2` is done, a retry would go too far.
    target = str(context.get_context().opts.get("destination_rev"))
    return re.search(r"[+-](?!1$)", target) is None


class Pauses:
    """Pauses between attempts, each twice as long as the previous one, until the time is up."""

    def __init__(self, timeout: float) -> None:
        self.deadline = time.monotonic() + timeout
        self.pause = 0.5

    def wait(self, reason: str, longest: float) -> None:
        """Pause; raise CommandError if the time is up. `longest` is a limit in seconds."""
        if time.monotonic() + self.pause > self.deadline:
            raise CommandError(f"pg_stat_activity shows what blocks it: {reason}")
        logger.warning("trying again in %g seconds: %s", self.pause, reason)
        time.sleep(self.pause)
        self.pause = min(2 * self.pause, longest)


def find_reason(error: DBAPIError, connection: Connection) -> str:
    """Return the missing privilege, or the statement and the message of the database."""
    if not connection.invalidated:
        driver: Any = connection.connection.driver_connection
        denial = explain_denial(error, driver.info.user)
        if denial:
            return str(denial)
    return ERRORS.describe_statement(error)
