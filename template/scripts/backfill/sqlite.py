"""What keeps a backfill from being in the way of others on SQLite: nothing beyond small batches."""

from sqlalchemy import Connection

from app.database_errors import describe as explain
from migrations.sqlite import connect

__all__ = ["connect", "explain", "find_strain"]


def find_strain(_connection: Connection) -> str | None:
    return None
