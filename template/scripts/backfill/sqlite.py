"""Keeps a backfill from blocking others on SQLite: small batches are enough for that."""

from sqlalchemy import Connection

from kit._internal.sqlite.errors import ERRORS
from kit._internal.sqlite.migrations import connect

__all__ = ["connect", "explain", "limit_locks", "reason_to_wait"]


def reason_to_wait(_connection: Connection) -> str:
    """Return an empty string: there are no replicas."""
    return ""


def limit_locks(_connection: Connection) -> None:
    """Do nothing: the connection limits how long it waits for the lock of the file."""


def explain(error: Exception) -> str:
    """Return why a backfill has failed, in one line without the rows that an error may quote."""
    return ERRORS.describe(error)
