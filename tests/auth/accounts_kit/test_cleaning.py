"""Rows that have expired are deleted; others stay."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Table, insert, select

from tests.auth.people import accounts_of, add_user, database_of
from kit._internal.auth.accounts.cleaning import clean
from kit.application import Service
from kit.models import utc_now

EXPIRED = "expired"
KEPT = "kept"


def rows_of(name: str, age: timedelta, user_id: object) -> dict[str, Any]:
    """Return the columns of a row of each table that expired so long ago."""
    time = utc_now() - age
    return {
        "sessions": {
            "token_hash": name,
            "user_id": user_id,
            "device": "",
            "authenticated_at": time,
            "last_seen_at": utc_now(),
            "expires_at": time,
        },
        "email_tokens": {
            "token_hash": name,
            "purpose": "sign_up",
            "email": f"{name}@example.com",
            "details": {},
            "expires_at": time,
        },
        "passkey_challenges": {"challenge_hash": name, "expires_at": time},
        "api_keys": {
            "prefix": name,
            "secret_hash": "",
            "user_id": user_id,
            "name": name,
            "permissions": [],
            # The owner sees it for 30 days more.
            "expires_at": time - timedelta(days=30),
        },
        "sign_in_limits": {
            "key": name,
            "count": 1,
            # It counts for 15 minutes.
            "window_started_at": time - timedelta(minutes=15),
        },
    }


async def test_expired_rows_are_deleted(own_app: Service) -> None:
    ada = await add_user(own_app, "ada@example.com")
    accounts, database = accounts_of(own_app), database_of(own_app)
    for name, age in ((EXPIRED, timedelta(minutes=1)), (KEPT, timedelta(minutes=-1))):
        for table_name, values in rows_of(name, age, ada.user_id).items():
            await database.rows(insert(getattr(accounts.tables, table_name)).values(values))

    counts = await clean(database, accounts.tables, accounts.settings)

    assert set(counts.values()) == {1}
    for table_name, values in rows_of(KEPT, timedelta(), ada.user_id).items():
        table: Table = getattr(accounts.tables, table_name)
        column = next(column for column, value in values.items() if value == KEPT)
        assert [row[column] for row in await database.rows(select(*table.columns))] == [KEPT]


async def test_sessions_that_were_not_used_are_deleted(own_app: Service) -> None:
    ada = await add_user(own_app, "ada@example.com")
    accounts, database = accounts_of(own_app), database_of(own_app)
    values = rows_of("idle", timedelta(days=-20), ada.user_id)["sessions"]
    values["last_seen_at"] = utc_now() - timedelta(days=8)
    await database.rows(insert(accounts.tables.sessions).values(values))
    counts = await clean(database, accounts.tables, accounts.settings)
    assert counts["sessions"] == 1
