"""What the catalogues of PostgreSQL say between two statements of a session."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg

from scripts.rehearse.postgresql_locks import MODES, HeldLock

# Tables of Alembic and of kit, which statements of revisions do not concern.
OWN_TABLES = ("alembic_version", "alembic_history")
# From this version on, a session can write its statistics immediately.
FLUSHING_VERSION = 150000
# Scans in the transaction so far. Every ALTER TABLE or index build that reads all rows counts, too.
IN_TRANSACTION = "pg_stat_get_xact_numscans(c.oid)"
EVER = "pg_stat_get_numscans(c.oid)"
RELATIONS = """
    SELECT c.oid, c.relkind::text, pg_relation_filenode(c.oid), {scans},
        CASE WHEN n.nspname = current_schema() THEN '' ELSE n.nspname || '.' END || c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND c.relname <> ALL (%s)
        AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""
LOCKS = """
    SELECT relation, mode FROM pg_locks
    WHERE pid = %s AND locktype = 'relation'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@dataclass(frozen=True)
class Relation:
    """A table: its kind as in pg_class, its file, and how often it was scanned."""

    name: str
    kind: str
    file: int | None
    scans: int


@dataclass
class Snapshot:
    """The tables by id, and the locks of the session."""

    relations: dict[int, Relation] = field(default_factory=dict)
    locks: set[HeldLock] = field(default_factory=set)

    def tables(self) -> Iterator[str]:
        """Yield the names of what LOCK TABLE can lock."""
        for relation in self.relations.values():
            if relation.kind in {"r", "p"}:
                yield relation.name


def take_snapshot(driver: psycopg.Connection) -> Snapshot:
    """Read the state of a session on its own connection, which sees what is not committed."""
    snapshot = Snapshot()
    scans = IN_TRANSACTION
    is_in_transaction = driver.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
    if not is_in_transaction and driver.autocommit:
        scans = EVER
        if driver.info.server_version >= FLUSHING_VERSION:
            driver.execute("SELECT pg_stat_force_next_flush()")
    query = RELATIONS.format(scans=scans)
    for oid, kind, file, count, name in driver.execute(query.encode(), [list(OWN_TABLES)]):
        snapshot.relations[oid] = Relation(name, kind, file, count or 0)
    snapshot.locks = read_locks(driver, driver.info.backend_pid)
    return snapshot


def read_locks(driver: psycopg.Connection, process: int) -> set[HeldLock]:
    """Return the locks that a process has or waits for."""
    locks = set()
    for relation, mode in driver.execute(LOCKS, [process]):
        if mode in MODES:
            locks.add((relation, mode))
    return locks
