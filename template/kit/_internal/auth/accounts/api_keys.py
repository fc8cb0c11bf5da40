"""API keys, with which programs call the service for a user."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import compare_digest
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, or_, select, update

from kit._internal.auth.accounts.permissions import granted_permissions, with_roles
from kit._internal.auth.accounts.tables import AccountTables
from kit._internal.auth.accounts.tokens import hash_of, key_start, new_key
from kit.db import Database
from kit.models import utc_now

# A key that was used more recently is not updated.
USED_INTERVAL = timedelta(minutes=1)
# What the owner of a key sees of it.
SHOWN = ("id", "prefix", "name", "permissions", "created_at", "expires_at", "last_used_at")


@dataclass(frozen=True)
class NewKey:
    """A key that has just been created, with the text that only its owner gets."""

    key: str = field(repr=False)
    row: dict[str, Any]


@dataclass(frozen=True)
class VerifiedKey:
    """An API key of a user who is active.

    `permissions` are those of the key, `user_permissions` those that the user still has.
    """

    key_id: UUID
    user_id: Any
    permissions: frozenset[str]
    user_permissions: frozenset[str]
    last_used_at: datetime | None


class ApiKeys:
    """Creates, finds and revokes API keys."""

    def __init__(self, tables: AccountTables) -> None:
        self.tables = tables
        self.table = tables.api_keys

    async def create(
        self,
        database: Database,
        user_id: object,
        name: str,
        permissions: Collection[str],
        expires_at: datetime | None,
    ) -> NewKey:
        """Add a key of a user; its text can be shown only now."""
        key = new_key()
        values = {
            "prefix": key_start(key),
            "secret_hash": hash_of(key),
            "user_id": user_id,
            "name": name,
            "permissions": sorted({*permissions}),
            "expires_at": expires_at,
        }
        columns = [self.table.columns[column] for column in SHOWN]
        rows = await database.rows(insert(self.table).values(values).returning(*columns))
        return NewKey(key, rows[0])

    async def find(self, database: Database, key: str) -> VerifiedKey | None:
        """Return the API key of a text; None if it is unknown, revoked or expired."""
        start = key_start(key)
        if start is None:
            return None
        keys, users = self.table.columns, self.tables.users.columns
        source = with_roles(self.table.join(self.tables.users), self.tables, keys["user_id"])
        statement = (
            select(
                keys["id"],
                keys["user_id"],
                keys["secret_hash"],
                keys["permissions"].label("key_permissions"),
                keys["last_used_at"],
                self.tables.roles.columns["permissions"],
            )
            .select_from(source)
            .where(
                keys["prefix"] == start,
                or_(keys["expires_at"].is_(None), keys["expires_at"] > utc_now()),
                users["is_active"],
            )
        )
        # A row for each role of the user.
        rows = await database.rows(statement)
        if not rows or not compare_digest(rows[0]["secret_hash"], hash_of(key)):
            return None
        first = rows[0]
        permissions = frozenset(first["key_permissions"])
        return VerifiedKey(
            key_id=first["id"],
            user_id=first["user_id"],
            permissions=permissions,
            user_permissions=granted_permissions(rows),
            last_used_at=first["last_used_at"],
        )

    async def touch(self, database: Database, key: VerifiedKey) -> None:
        """Store that a key was used, at most once a minute."""
        now = utc_now()
        if key.last_used_at is not None and key.last_used_at > now - USED_INTERVAL:
            return
        statement = update(self.table).where(self.table.columns["id"] == key.key_id)
        await database.rows(statement.values(last_used_at=now))

    async def list_of(self, database: Database, user_id: object) -> list[dict[str, Any]]:
        """Return the keys of a user, without their texts, the newest first."""
        columns = self.table.columns
        statement = select(*(columns[name] for name in SHOWN)).where(columns["user_id"] == user_id)
        return await database.rows(statement.order_by(columns["created_at"].desc()))

    async def revoke(self, database: Database, user_id: object, key_id: UUID) -> bool:
        """Delete a key of a user; return whether there was one."""
        columns = self.table.columns
        statement = delete(self.table).where(columns["id"] == key_id, columns["user_id"] == user_id)
        return bool(await database.rows(statement.returning(columns["id"])))
