"""Keeps a backfill on PostgreSQL from blocking others and from outrunning replicas."""

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from scripts.project import load_settings
from kit._internal.postgresql.errors import ERRORS
from kit._internal.postgresql.migrations import connect
from kit._internal.postgresql.privileges import explain_denial

__all__ = ["connect", "explain", "limit_locks", "reason_to_wait"]

# How far replicas may be behind: bytes that they have not applied yet.
LAG_MAX = 64 * 2**20
LAG = text("SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) FROM pg_stat_replication")


def reason_to_wait(connection: Connection) -> str:
    """Return why the next batch must wait, or an empty string."""
    lag = connection.scalar(LAG) or 0
    if lag <= LAG_MAX:
        return ""
    return f"a replica is {lag / 2**20:,.0f} MB behind"


def limit_locks(connection: Connection) -> None:
    """Limit how long this transaction waits for a lock, as waiting blocks others."""
    connection.execute(text("SET LOCAL lock_timeout = '1s'"))


def explain(error: Exception) -> str:
    """Return why a backfill failed, in one line, without rows that an error may quote."""
    denial = None
    if isinstance(error, DBAPIError):
        denial = explain_denial(error, load_settings().migration_url.username)
    return str(denial or ERRORS.describe(error))
