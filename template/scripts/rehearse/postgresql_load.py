"""Reads and writes the tables of a copy during a migration, and measures how long they wait."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import URL

from scripts.rehearse.report import Wait
from kit._internal.postgresql.url import libpq

# The number of tables with readers and writers, and seconds between the samples of waits.
TABLES_MAX = 8
INTERVAL = 0.005
PAUSE = 0.001
WAITING = """
    SELECT pid, extract(epoch FROM clock_timestamp() - query_start)::float
    FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND state = 'active' AND pid = ANY (%s)
"""
READ = "SELECT * FROM {} LIMIT 1"
# The same values, so that it never violates a constraint.
WRITE = "UPDATE {} SET {column} = {column} WHERE ctid = (SELECT ctid FROM {} LIMIT 1)"
FIRST_COLUMN = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    ORDER BY attnum LIMIT 1
"""


class Load:
    """Readers and writers of tables, in threads, and the longest wait of any of them."""

    def __init__(self, url: URL, tables: Sequence[str]) -> None:
        self.url = url
        self.done = threading.Event()
        self.clients: dict[int, str] = {}
        self.longest = Wait(0, "")
        self.start = time.monotonic()
        self.threads = [threading.Thread(target=self.sample, daemon=True)]
        for table in tables[:TABLES_MAX]:
            self.add(table)

    def add(self, table: str) -> None:
        """Prepare a reader and a writer of a table."""
        name = sql.Identifier(*table.split("."))
        with psycopg.connect(libpq(self.url), autocommit=True) as connection:
            row = connection.execute(FIRST_COLUMN, [name.as_string()]).fetchone()
        if row is None:
            return
        column = sql.Identifier(row[0])
        statements = {
            f"a read of {table}": sql.SQL(READ).format(name),
            f"a write of {table}": sql.SQL(WRITE).format(name, name, column=column),
        }
        for what, statement in statements.items():
            target = threading.Thread(target=self.repeat, args=(what, statement), daemon=True)
            self.threads.append(target)

    def repeat(self, what: str, statement: sql.Composed) -> None:
        """Execute a statement until the load ends, or the migration has removed what it uses."""
        with psycopg.connect(libpq(self.url), autocommit=True) as connection:
            # A prepared statement would fail when the columns change.
            connection.prepare_threshold = None
            self.clients[connection.info.backend_pid] = what
            while not self.done.is_set():
                try:
                    connection.execute(statement).close()
                except psycopg.errors.ProgrammingError:
                    return
                except psycopg.errors.DeadlockDetected:
                    continue
                time.sleep(PAUSE)

    def sample(self) -> None:
        """Keep the longest wait for a lock that is seen."""
        with psycopg.connect(libpq(self.url), autocommit=True) as connection:
            while not self.done.is_set():
                for process, seconds in connection.execute(WAITING, [list(self.clients)]):
                    # Not what waits since an earlier revision, and has not noticed its end.
                    began_before = seconds > time.monotonic() - self.start
                    if seconds > self.longest.seconds and not began_before:
                        self.longest = Wait(seconds, self.clients[process])
                time.sleep(INTERVAL)

    def restart(self) -> None:
        """Measure from now on."""
        self.start = time.monotonic()
        self.longest = Wait(0, "")


@contextmanager
def running_load(url: URL, tables: Sequence[str]) -> Iterator[Load]:
    """Run the load on these tables, which may be none."""
    load = Load(url, tables)
    for thread in load.threads:
        thread.start()
    try:
        yield load
    finally:
        load.done.set()
        for thread in load.threads:
            thread.join()
