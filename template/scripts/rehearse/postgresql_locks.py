"""Lock modes of PostgreSQL, and what waits for them: Explicit Locking in its manual."""

from collections.abc import Iterable, Iterator

# The modes, weakest first, by their names in pg_locks.
MODES = {
    "AccessShareLock": "ACCESS SHARE",
    "RowShareLock": "ROW SHARE",
    "RowExclusiveLock": "ROW EXCLUSIVE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}
STRENGTH = list(MODES)
# A SELECT takes ACCESS SHARE, and INSERT, UPDATE and DELETE take ROW EXCLUSIVE.
READS_WAIT = {"AccessExclusiveLock"}
WRITES_WAIT = {"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"}

# The id of a table, and a mode of pg_locks.
HeldLock = tuple[int, str]


def strongest(locks: Iterable[HeldLock]) -> dict[int, str]:
    """Return the strongest mode by table."""
    modes: dict[int, str] = {}
    for table, mode in locks:
        known = modes.get(table)
        if known is None or STRENGTH.index(mode) > STRENGTH.index(known):
            modes[table] = mode
    return modes


def blocked_by(mode: str) -> Iterator[str]:
    """Yield "reads" and "writes" if they wait for a lock of this mode."""
    if mode in READS_WAIT:
        yield "reads"
    if mode in WRITES_WAIT:
        yield "writes"
