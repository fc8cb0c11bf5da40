"""Deletes rows that have expired: sessions, tokens, challenges, API keys, counted attempts.

Nothing depends on it: what has expired is not accepted, whether or not its row is deleted.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Table, delete, select

from kit._internal.auth.accounts.tables import AccountTables
from kit._internal.transactions import delete_in_batches
from kit.db import Database
from kit.models import utc_now

if TYPE_CHECKING:
    from kit._internal.auth.accounts.settings import Settings

# Rows in a transaction: requests wait for none of them for long.
BATCH = 1000
# How long the owner of a key that has expired still sees it in the list.
EXPIRED_KEYS_SHOWN = timedelta(days=30)

Conditions = Mapping[str, tuple[Table, ColumnElement[bool]]]


def expired_rows(tables: AccountTables, settings: "Settings", now: datetime) -> Conditions:
    """Return the tables, by what their rows are for users, and which rows have expired."""
    sessions, attempts = tables.sessions.columns, tables.sign_in_limits.columns
    idle_since = now - timedelta(seconds=settings.auth_session_idle_timeout)
    window_start = now - timedelta(seconds=settings.auth_attempts_window)
    ended = (sessions["expires_at"] <= now) | (sessions["last_seen_at"] <= idle_since)
    challenges = tables.passkey_challenges
    keys, tokens = tables.api_keys.columns, tables.email_tokens.columns
    return {
        "sessions": (tables.sessions, ended),
        "tokens of mails": (tables.email_tokens, tokens["expires_at"] <= now),
        "challenges of passkeys": (challenges, challenges.columns["expires_at"] <= now),
        "API keys": (tables.api_keys, keys["expires_at"] <= now - EXPIRED_KEYS_SHOWN),
        "counts of attempts": (
            tables.sign_in_limits,
            attempts["window_started_at"] <= window_start,
        ),
    }


async def clean(
    database: Database, tables: AccountTables, settings: "Settings"
) -> Mapping[str, int]:
    """Delete expired rows; return how many, by what they are for users.

    Several processes may do this at once: each skips the rows that another one is deleting.
    """
    counts: dict[str, int] = {}
    for name, (table, condition) in expired_rows(tables, settings, utc_now()).items():
        counts[name] = await delete_rows(database, table, condition)
    return counts


async def delete_rows(database: Database, table: Table, condition: ColumnElement[bool]) -> int:
    """Delete rows in batches; return how many."""
    (key,) = table.primary_key.columns
    # Without these locks, two processes could wait for each other. SQLite has a single writer.
    batch = select(key).where(condition).limit(BATCH).with_for_update(skip_locked=True)
    statement = delete(table).where(key.in_(batch))
    return await delete_in_batches(database, statement, BATCH)
