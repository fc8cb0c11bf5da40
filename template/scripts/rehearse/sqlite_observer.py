"""Observes the statements of a migration on SQLite: copied tables, scans and time."""

import re
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event, inspect

from scripts.rehearse.report import Lock, Statement

# Alembic copies a table to one with this prefix, drops it and renames the copy ("batch").
COPIES = re.compile(r'(?is)INSERT INTO "?_alembic_tmp_.*\bFROM\s+"?(\w+)')
SCANS = re.compile(
    r'(?is)\s*(?:CREATE\s.*?\bINDEX\s.*?\sON|UPDATE|DELETE\s+FROM|INSERT\s.*\sFROM)\s+"?(\w+)'
)
READS = re.compile(r"(?i)\s*(SELECT|PRAGMA)\b")
# The lock of BEGIN IMMEDIATE: others may read, and no other process may write.
WRITE_LOCK = Lock("main", "RESERVED")
BLOCKED = "writes of all tables"


class StatementObserver:
    """Runs the statements of a connection, and describes each while `is_active`."""

    def __init__(self, connection: Connection) -> None:
        self.is_active = False
        self.statements: list[Statement] = []
        self.existing = set(inspect(connection).get_table_names())
        connection.rollback()
        event.listen(connection.engine, "do_execute", self.execute)
        event.listen(connection.engine, "do_executemany", self.execute_many)

    def execute(self, cursor: Any, sql: str, parameters: Any, _context: object) -> bool:  # noqa: ANN401
        """Execute a statement: SQLAlchemy does not if this returns True."""
        if self.is_active:
            self.observe(sql, lambda: cursor.execute(sql, parameters))
        return self.is_active

    def execute_many(self, cursor: Any, sql: str, parameters: Any, _context: object) -> bool:  # noqa: ANN401
        if self.is_active:
            self.observe(sql, lambda: cursor.executemany(sql, parameters))
        return self.is_active

    def observe(self, sql: str, run: Callable[[], object]) -> None:
        if READS.match(sql):
            run()
            return
        statement = Statement(sql.strip(), blocks=[BLOCKED])
        if not self.statements:
            statement.locks.append(WRITE_LOCK)
        self.statements.append(statement)
        statement.rewritten = self.tables_of(COPIES, sql)
        if not statement.rewritten:
            statement.scanned = self.tables_of(SCANS, sql)
        statement.is_blocking = bool(statement.rewritten or statement.scanned)
        start = time.perf_counter()
        try:
            run()
        except Exception as error:
            statement.error = str(error)
            raise
        finally:
            statement.seconds = time.perf_counter() - start

    def tables_of(self, pattern: re.Pattern[str], sql: str) -> list[str]:
        """Return the table that a statement reads as a whole, if it existed before."""
        match = pattern.match(sql.strip())
        if match and match[1] in self.existing:
            return [match[1]]
        return []
