"""What keeps a backfill from being in the way of others on SQLite: nothing beyond small batches."""

from sqlalchemy import Connection

from migrations.sqlite import connect

__all__ = ["BUSY", "connect", "find_strain"]

# It waits for the lock of the file; who still does not get it is not busy but stuck.
BUSY: tuple[type[Exception], ...] = ()


def find_strain(_connection: Connection) -> str | None:
    return None
