"""Observes the statements of a migration on PostgreSQL: locks, scans, rewrites and time."""

import re
import time
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, event

from scripts.rehearse.postgresql_locks import MODES, HeldLock, blocked_by, strongest
from scripts.rehearse.postgresql_snapshots import FLUSHING_VERSION, Snapshot, take_snapshot
from scripts.rehearse.postgresql_watching import Watcher
from scripts.rehearse.report import Lock, Statement

ACCESS_SHARE = "AccessShareLock"
ROW_EXCLUSIVE = "RowExclusiveLock"
CHANGES_ROWS = re.compile(r"(?i)\b(UPDATE|DELETE|MERGE)\b")
# Queries, such as those of guards, are of interest only while a lock is held.
QUERY = re.compile(r"(?i)(SELECT|SHOW)\b")
READS_ALL_ROWS = re.compile(r"(?i)\s*(CREATE|REINDEX)\b.*\bCONCURRENTLY\b")


class StatementObserver:
    """Runs the statements of a connection, and describes each while `is_active`.

    `existing` are the ids of the tables that existed before: others may be locked freely.
    """

    def __init__(self, connection: Connection, url: URL) -> None:
        self.url = url
        self.is_active = False
        # Whether others hold tables to see the locks of a statement without a transaction.
        self.is_watching = True
        self.statements: list[Statement] = []
        driver: Any = connection.connection.driver_connection
        self.existing = set(take_snapshot(driver).relations)
        connection.rollback()
        event.listen(connection.engine, "do_execute", self.execute)
        event.listen(connection.engine, "do_executemany", self.execute_many)

    def execute(self, cursor: Any, sql: str, parameters: Any, _context: object) -> bool:  # noqa: ANN401
        """Execute a statement: SQLAlchemy does not if this returns True."""
        if self.is_active:
            self.observe(cursor, sql, lambda: cursor.execute(sql, parameters))
        return self.is_active

    def execute_many(self, cursor: Any, sql: str, parameters: Any, _context: object) -> bool:  # noqa: ANN401
        if self.is_active:
            self.observe(cursor, sql, lambda: cursor.executemany(sql, parameters))
        return self.is_active

    def observe(self, cursor: psycopg.Cursor, sql: str, run: Callable[[], object]) -> None:
        statement = Statement(sql.strip())
        self.statements.append(statement)
        driver = cursor.connection
        try:
            if driver.autocommit:
                self.run_alone(driver, statement, run)
            else:
                self.run_in_transaction(driver, statement, run)
        except psycopg.Error as error:
            statement.error = str(error).partition("\n")[0]
            raise

    def run_in_transaction(
        self, driver: psycopg.Connection, statement: Statement, run: Callable[[], object]
    ) -> None:
        before = take_snapshot(driver)
        start = time.perf_counter()
        run()
        statement.seconds = time.perf_counter() - start
        self.describe(statement, before, take_snapshot(driver))
        if QUERY.match(statement.sql) and not statement.locks and not statement.blocks:
            self.statements.remove(statement)

    def run_alone(
        self, driver: psycopg.Connection, statement: Statement, run: Callable[[], object]
    ) -> None:
        """Run in a transaction, as it is the same for a single statement, if that is possible."""
        driver.execute("BEGIN")
        try:
            self.run_in_transaction(driver, statement, run)
            driver.execute("COMMIT")
        except psycopg.errors.ActiveSqlTransaction:
            driver.rollback()
        except psycopg.Error:
            driver.rollback()
            raise
        else:
            return
        if self.is_watching:
            self.run_watched(driver, statement, run)
        else:
            run()

    def run_watched(
        self, driver: psycopg.Connection, statement: Statement, run: Callable[[], object]
    ) -> None:
        before = take_snapshot(driver)
        watcher = Watcher(self.url, driver.info.backend_pid, before.tables())
        start = watcher.run(run)
        statement.seconds = time.perf_counter() - start
        after = take_snapshot(driver)
        after.locks = watcher.locks
        self.describe(statement, before, after)
        if driver.info.server_version < FLUSHING_VERSION and READS_ALL_ROWS.match(statement.sql):
            statement.scanned = sorted({lock.table for lock in statement.locks})

    def describe(self, statement: Statement, before: Snapshot, after: Snapshot) -> None:
        """Set what a statement locks, reads and blocks, of the tables that existed before."""
        held = self.of_existing(after.locks)
        held_before = strongest(before.locks)
        for table, mode in sorted(strongest(held).items()):
            if mode not in {ACCESS_SHARE, held_before.get(table)}:
                statement.locks.append(Lock(before.relations[table].name, MODES[mode]))
        for table, mode in sorted(strongest(held).items()):
            kinds = " and ".join(blocked_by(mode))
            if kinds:
                statement.blocks.append(f"{kinds} of {before.relations[table].name}")
        self.compare_tables(statement, before, after)
        statement.is_blocking = bool(
            statement.blocks and (statement.scanned or statement.rewritten)
        )

    def of_existing(self, locks: set[HeldLock]) -> set[HeldLock]:
        return {lock for lock in locks if lock[0] in self.existing}

    def compare_tables(self, statement: Statement, before: Snapshot, after: Snapshot) -> None:
        """Set which tables it has rewritten or scanned, and whether it locks many rows."""
        changed = set()
        if CHANGES_ROWS.search(statement.sql):
            changed = {table for table, mode in after.locks if mode == ROW_EXCLUSIVE}
        for table in sorted(self.existing & before.relations.keys() & after.relations.keys()):
            old, new = before.relations[table], after.relations[table]
            if old.file != new.file:
                statement.rewritten.append(old.name)
            elif old.scans < new.scans:
                statement.scanned.append(old.name)
                if table in changed and not any(old.name in text for text in statement.blocks):
                    statement.blocks.append(f"writes of the rows of {old.name} that it changes")
