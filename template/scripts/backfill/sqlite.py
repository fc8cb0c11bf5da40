"""What keeps a backfill from being in the way of others on SQLite: nothing beyond small batches."""

from sqlalchemy import Connection

from migrations.sqlite import connect

__all__ = ["connect", "find_strain"]


def find_strain(_connection: Connection) -> str | None:
    return None
