"""What keeps a backfill from being in the way of others on PostgreSQL."""

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from scripts.project import load_settings
from kit._internal.postgresql.errors import ERRORS
from kit._internal.postgresql.migrations import connect
from kit._internal.postgresql.privileges import explain_denial

__all__ = ["connect", "explain", "find_strain"]

# How far replicas may be behind, in bytes that they have not applied yet.
LAG_MAX = 64 * 2**20
LAG = text("SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) FROM pg_stat_replication")


def find_strain(connection: Connection) -> str | None:
    """Return why this transaction should rather wait, if anything; limit its waits for locks."""
    connection.execute(text("SET LOCAL lock_timeout = '1s'"))
    lag = connection.scalar(LAG) or 0
    return f"a replica is {lag / 2**20:,.0f} MB behind" if lag > LAG_MAX else None


def explain(error: Exception) -> str:
    """Return in one line why a backfill has ended, without the rows that an error may quote."""
    denial = None
    if isinstance(error, DBAPIError):
        denial = explain_denial(error, load_settings().migration_url.username)
    return str(denial or ERRORS.describe(error))
