"""Stores the hashes of passwords."""

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.tables import AccountTables
from kit.models import utc_now


class Credentials:
    """Stores the hashes of passwords."""

    def __init__(self, tables: AccountTables) -> None:
        self.table = tables.credentials

    async def store_password(
        self, transaction: AsyncSession, user_id: object, password_hash: str
    ) -> None:
        """Set the password of a user, whose row is locked: see AccountLookup.lock()."""
        columns = self.table.columns
        values = {"password_hash": password_hash, "password_changed_at": utc_now()}
        statement = update(self.table).where(columns["user_id"] == user_id).values(values)
        stored = await transaction.scalar(statement.returning(columns["user_id"]))
        if stored is None:
            await transaction.execute(insert(self.table).values(user_id=user_id, **values))

    async def replace_hash(
        self, transaction: AsyncSession, user_id: object, password_hash: str
    ) -> None:
        """Store another hash of the same password, with the current parameters of argon2."""
        statement = update(self.table).where(self.table.columns["user_id"] == user_id)
        await transaction.execute(statement.values(password_hash=password_hash))
