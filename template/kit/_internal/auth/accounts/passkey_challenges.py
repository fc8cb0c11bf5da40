"""Challenges that passkeys sign: each is used once, and expires.

They are in the database, so that any worker accepts them. One to sign in belongs to no browser:
what answers it comes from a page of the service, which browsers enforce, and works once.
"""

import hashlib
from datetime import timedelta

from sqlalchemy import delete, insert

from kit._internal.auth.accounts.tables import AccountTables
from kit.db import Database
from kit.models import utc_now

# How long a browser waits for the user: TIMEOUT in passkeys.py.
LIFETIME = timedelta(minutes=5)


class PasskeyChallenges:
    """Stores and takes challenges."""

    def __init__(self, tables: AccountTables) -> None:
        self.table = tables.passkey_challenges

    async def store(self, database: Database, challenge: bytes, user_id: object = None) -> None:
        """Store a challenge: to register a passkey of a user, or to sign in."""
        values = {
            "challenge_hash": hash_of(challenge),
            "user_id": user_id,
            "expires_at": utc_now() + LIFETIME,
        }
        columns = self.table.columns
        statement = insert(self.table).values(values).returning(columns["challenge_hash"])
        await database.rows(statement)

    async def take(self, database: Database, challenge: bytes, user_id: object = None) -> bool:
        """Delete a challenge that was stored for this user, or to sign in; return whether it was.

        It is used up even if what answers it is wrong. Of several requests, one takes it.
        """
        columns = self.table.columns
        statement = delete(self.table).where(
            columns["challenge_hash"] == hash_of(challenge),
            # IS NULL for None.
            columns["user_id"] == user_id,
            columns["expires_at"] > utc_now(),
        )
        return bool(await database.rows(statement.returning(columns["challenge_hash"])))


def hash_of(challenge: bytes) -> str:
    return hashlib.sha256(challenge).hexdigest()
