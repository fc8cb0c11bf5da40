"""What keeps a backfill from being in the way of others on SQLite: nothing beyond small batches."""

from sqlalchemy import Connection

from kit._internal.sqlite.errors import ERRORS
from kit._internal.sqlite.migrations import connect

__all__ = ["connect", "explain", "find_strain"]


def find_strain(_connection: Connection) -> str | None:
    return None


def explain(error: Exception) -> str:
    """Return in one line why a backfill has ended, without the rows that an error may quote."""
    return ERRORS.describe(error)
