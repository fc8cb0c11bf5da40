"""How long a migration may keep others waiting on PostgreSQL, and what it does then."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from app.settings import PREFIX, Settings

logger = logging.getLogger(__name__)

# Statements that may take long, and wait long, because nobody else has to wait for them.
PATIENT = re.compile(r"\bCONCURRENTLY\b|\bVALIDATE\s+CONSTRAINT\b", re.IGNORECASE)
LOCK_NOT_AVAILABLE, QUERY_CANCELED = "55P03", "57014"


def run_patiently(run: Callable[..., None], connection: Connection, settings: Settings) -> None:
    """Call `run`; when a table is in use, let go of everything, and try again a little later.

    Whoever wants the table meanwhile queues behind the statement that waits for it, which is why
    that waits for `migration_lock_timeout` only.
    """
    limit_statements(connection, settings)
    deadline = time.monotonic() + settings.migration_timeout
    pause = 0.5
    while True:
        before = revisions(connection)
        connection.commit()
        try:
            return run(connection=connection)
        except OperationalError as error:
            connection.rollback()
            state = getattr(error.orig, "sqlstate", None)
            statement = " ".join(str(error.statement).split())
            failure = f"rolled back: {str(error.orig).splitlines()[0]}: {statement};"
            if state == QUERY_CANCELED:
                limit = f"{settings.migration_statement_timeout:g} seconds"
                name = f"{PREFIX}MIGRATION_STATEMENT_TIMEOUT"
                raise CommandError(f"{failure} {name} is {limit}") from error
            if state != LOCK_NOT_AVAILABLE:
                raise
            # Where some revisions are done, `+1` would lead further than was asked for.
            relative = str(context.get_context().opts.get("destination_rev"))[0] in "+-"
            if time.monotonic() + pause > deadline or (
                relative and revisions(connection) != before
            ):
                raise CommandError(f"{failure} pg_stat_activity shows who uses it") from error
        logger.warning("the table is in use; trying again in %g seconds: %s", pause, statement)
        time.sleep(pause)
        pause = min(2 * pause, 10)


def limit_statements(connection: Connection, settings: Settings) -> None:
    """Limit how long each statement may wait and take, except those that are in nobody's way."""
    driver: Any = connection.connection.driver_connection

    def limit(lock: float, statement: float) -> None:
        driver.execute(f"SET lock_timeout = {lock * 1000:.0f}")
        driver.execute(f"SET statement_timeout = {statement * 1000:.0f}")

    @event.listens_for(connection, "before_cursor_execute")
    def lift(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if PATIENT.search(statement):
            limit(0, 0)

    @event.listens_for(connection, "after_cursor_execute")
    def restore(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if PATIENT.search(statement):
            limit(settings.migration_lock_timeout, settings.migration_statement_timeout)

    limit(settings.migration_lock_timeout, settings.migration_statement_timeout)
    driver.commit()


def revisions(connection: Connection) -> set[str]:
    """Return what the database is at."""
    return set(MigrationContext.configure(connection).get_current_heads())
