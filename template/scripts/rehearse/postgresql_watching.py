"""Watches a statement that cannot run in a transaction, such as CREATE INDEX CONCURRENTLY.

It has no locks any more when it ends, which on small tables is soon. So another session holds the
tables until the statement waits for one: what it waits for is its first lock.
"""

import threading
import time
from collections.abc import Callable, Iterable

import psycopg
from psycopg import sql
from sqlalchemy import URL

from scripts.rehearse.postgresql_locks import HeldLock
from scripts.rehearse.postgresql_snapshots import read_locks
from kit._internal.postgresql.url import libpq

INTERVAL = 0.002
WAITS = "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted"


class Watcher:
    """A thread that collects the locks of a process, and lets it in when it waits for a table."""

    def __init__(self, url: URL, process: int, tables: Iterable[str]) -> None:
        self.process = process
        self.locks: set[HeldLock] = set()
        self.released = 0.0
        self.done = threading.Event()
        self.gate = psycopg.connect(libpq(url))
        self.session = psycopg.connect(libpq(url), autocommit=True)
        for table in tables:
            lock = sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE")
            self.gate.execute(lock.format(sql.Identifier(*table.split("."))))
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self) -> None:
        while not self.done.is_set():
            waits = not self.released and self.session.execute(WAITS, [self.process]).fetchone()
            # Behind it: the lock that it waits for is among them, however soon the statement ends.
            self.locks |= read_locks(self.session, self.process)
            if waits:
                self.release()
            time.sleep(INTERVAL)

    def release(self) -> None:
        self.gate.rollback()
        self.released = time.perf_counter()

    def run(self, function: Callable[[], object]) -> float:
        """Run the statement; return when it began to work, as of time.perf_counter()."""
        start = time.perf_counter()
        self.thread.start()
        try:
            function()
        finally:
            self.done.set()
            self.thread.join()
            self.gate.close()
            self.session.close()
        return max(start, self.released)
