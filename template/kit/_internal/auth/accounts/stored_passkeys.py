"""The passkeys of users, in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.tables import AccountTables
from kit.db import Database
from kit.models import utc_now

if TYPE_CHECKING:
    from kit._internal.auth.accounts.passkeys import Passkey

# What the owner of a passkey sees of it.
SHOWN = ("id", "name", "is_synced", "created_at", "last_used_at")


@dataclass(frozen=True)
class StoredPasskey:
    """A row: what Passkey has, the user, and the id with which the user removes it."""

    id: UUID
    user_id: Any
    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_synced: bool
    transports: Sequence[str]


COLUMNS = tuple(StoredPasskey.__dataclass_fields__)


class StoredPasskeys:
    """Adds, finds and removes passkeys."""

    def __init__(self, tables: AccountTables) -> None:
        self.table = tables.passkeys

    async def add(
        self, transaction: AsyncSession, user_id: object, name: str, passkey: "Passkey"
    ) -> dict[str, Any]:
        """Add a passkey of a user, and return what is shown of it.

        Raises IntegrityError if a user has it already.
        """
        values = {
            "user_id": user_id,
            "name": name,
            "credential_id": passkey.credential_id,
            "public_key": passkey.public_key,
            "sign_count": passkey.sign_count,
            "is_synced": passkey.is_synced,
            "transports": list(passkey.transports),
        }
        columns = [self.table.columns[column] for column in SHOWN]
        statement = insert(self.table).values(values).returning(*columns)
        return dict((await transaction.execute(statement)).mappings().one())

    async def find(self, database: Database, credential_id: bytes) -> StoredPasskey | None:
        """Return the passkey with this credential id, or None."""
        columns = [self.table.columns[column] for column in COLUMNS]
        condition = self.table.columns["credential_id"] == credential_id
        rows = await database.rows(select(*columns).where(condition))
        if not rows:
            return None
        return StoredPasskey(**rows[0])

    async def of_user(self, database: Database, user_id: object) -> list[StoredPasskey]:
        """Return the passkeys of a user."""
        columns = [self.table.columns[column] for column in COLUMNS]
        condition = self.table.columns["user_id"] == user_id
        rows = await database.rows(select(*columns).where(condition))
        return [StoredPasskey(**row) for row in rows]

    async def list_of(self, database: Database, user_id: object) -> list[dict[str, Any]]:
        """Return what is shown of the passkeys of a user, the newest first."""
        columns = self.table.columns
        statement = select(*(columns[name] for name in SHOWN)).where(columns["user_id"] == user_id)
        return await database.rows(statement.order_by(columns["created_at"].desc()))

    async def store_use(
        self, transaction: AsyncSession, passkey: StoredPasskey, sign_count: int
    ) -> bool:
        """Store the new sign count of a passkey.

        Returns False if it was removed, or used by another request in the meantime.
        """
        columns = self.table.columns
        statement = update(self.table).where(
            columns["id"] == passkey.id, columns["sign_count"] == passkey.sign_count
        )
        statement = statement.values(sign_count=sign_count, last_used_at=utc_now())
        return await transaction.scalar(statement.returning(columns["id"])) is not None

    async def remove(self, transaction: AsyncSession, user_id: object, passkey_id: UUID) -> bool:
        """Delete a passkey of a user; return whether there was one."""
        columns = self.table.columns
        condition = (columns["id"] == passkey_id) & (columns["user_id"] == user_id)
        statement = delete(self.table).where(condition).returning(columns["id"])
        return await transaction.scalar(statement) is not None

    async def remove_all(self, transaction: AsyncSession, user_id: object) -> bool:
        """Delete all passkeys of a user; return whether there were any."""
        columns = self.table.columns
        statement = delete(self.table).where(columns["user_id"] == user_id)
        return bool((await transaction.scalars(statement.returning(columns["id"]))).all())
