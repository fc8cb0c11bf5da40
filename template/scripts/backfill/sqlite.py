"""The interface of a backfill on SQLite: small batches are enough to not block others."""

from sqlalchemy import Connection

from kit._internal.sqlite.errors import ERRORS
from kit._internal.sqlite.migrations import connect

__all__ = ["connect", "explain", "limit_locks", "reason_to_wait"]


def reason_to_wait(_connection: Connection) -> str:
    """Return an empty string: there are no replicas."""
    return ""


def limit_locks(_connection: Connection) -> None:
    """Do nothing: the connection itself has a timeout for the file lock."""


def explain(error: Exception) -> str:
    """Return why a backfill failed, in one line, without rows that an error may quote."""
    return ERRORS.describe(error)
