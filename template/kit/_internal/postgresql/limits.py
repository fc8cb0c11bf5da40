"""How long the statements of a migration may wait for locks, and how long they may take."""

import re
from typing import Any, NamedTuple

from sqlalchemy import Connection, RootTransaction, event

from kit._internal.dialect import MigrationSettings

# Statements that block no others, so that they may wait and run for long.
PATIENT = re.compile(r"CONCURRENTLY\b|VALIDATE\s+CONSTRAINT\b")
# Statements that may set limits of their own.
LIMITING = re.compile(r"_TIMEOUT\b|RESET\b|DISCARD\b")
SET_LIMITS = (
    "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)"
)


class Limits(NamedTuple):
    """Values of lock_timeout and statement_timeout; "0" is no limit."""

    lock: str
    statement: str


UNLIMITED = Limits("0", "0")


class StatementLimits:
    """Limits each statement on a connection, except those that block no others.

    Most migrations keep the usual limits, which then are set once. After the first statement that
    needs others, they are set once a transaction: one that is rolled back loses them.
    """

    def __init__(self, connection: Connection, settings: MigrationSettings) -> None:
        self.connection = connection
        self.usual = Limits(
            f"{settings.migration_lock_timeout}s", f"{settings.migration_statement_timeout}s"
        )
        # What was set last, and in which transaction; None while the usual limits hold.
        self.current: tuple[RootTransaction | None, Limits] | None = None

    def install(self) -> None:
        """Set the usual limits, and look at each statement from now on."""
        self.connection.exec_driver_sql(SET_LIMITS, self.usual)
        self.connection.commit()
        # Of the dialect: with an event of the connection SQLAlchemy does more about any statement.
        for name in ("do_execute", "do_executemany"):
            event.listen(self.connection.engine, name, self.before_statement)

    def before_statement(self, cursor: Any, statement: str, *_: object) -> None:  # noqa: ANN401
        words = statement.upper()
        is_patient = PATIENT.search(words) is not None
        if not is_patient and self.current is None and not LIMITING.search(words):
            return
        limits = UNLIMITED if is_patient else self.usual
        wanted = (self.connection.get_transaction(), limits)
        if wanted != self.current and not words.startswith("ROLLBACK"):
            cursor.execute(SET_LIMITS, limits)
        self.current = wanted
