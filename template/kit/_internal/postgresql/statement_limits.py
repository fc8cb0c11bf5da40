"""Limits how long each statement of a migration waits for locks and runs."""

import re
from typing import Any, NamedTuple

from sqlalchemy import Connection, RootTransaction, event

from kit._internal.dialect import MigrationSettings

# Statements that block no others, and may wait and run without limits.
UNLIMITED_STATEMENT = re.compile(r"CONCURRENTLY\b|VALIDATE\s+CONSTRAINT\b")
# Statements that may change the limits.
LIMITING_STATEMENT = re.compile(r"_TIMEOUT\b|RESET\b|DISCARD\b")
SET_LIMITS = (
    "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)"
)


class Limits(NamedTuple):
    """Values of lock_timeout and statement_timeout; "0" means no limit."""

    lock: str
    statement: str


UNLIMITED = Limits("0", "0")


class StatementLimits:
    """Limits each statement on a connection, except those that block no others.

    The usual limits are set once, and most migrations need no others. After the first statement
    that does, limits are set in each transaction, as a rollback undoes them.
    """

    def __init__(self, connection: Connection, settings: MigrationSettings) -> None:
        self.connection = connection
        self.usual = Limits(
            f"{settings.migration_lock_timeout}s", f"{settings.migration_statement_timeout}s"
        )
        # The limits set last, and the transaction; None while the usual limits apply.
        self.current: tuple[RootTransaction | None, Limits] | None = None

    def install(self) -> None:
        """Set the usual limits, and check each statement from now on."""
        self.connection.exec_driver_sql(SET_LIMITS, self.usual)
        self.connection.commit()
        # Dialect events slow down statements less than connection events.
        for name in ("do_execute", "do_executemany"):
            event.listen(self.connection.engine, name, self.before_statement)

    def before_statement(self, cursor: Any, statement: str, *_: object) -> None:  # noqa: ANN401
        """Set the limits of the next statement."""
        words = statement.upper()
        limits = self.usual
        if UNLIMITED_STATEMENT.search(words):
            limits = UNLIMITED
        elif self.current is None and not LIMITING_STATEMENT.search(words):
            return
        wanted = (self.connection.get_transaction(), limits)
        if wanted != self.current and not words.startswith("ROLLBACK"):
            cursor.execute(SET_LIMITS, limits)
        self.current = wanted
