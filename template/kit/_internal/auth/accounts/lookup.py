"""Finds the account of a user: the row of the project's table, with the credentials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.columns import KEY
from kit._internal.auth.accounts.tables import AccountTables
from kit.db import Database

CREDENTIALS = (
    "password_hash",
    "password_changed_at",
    "totp_secret",
    "totp_step",
    "new_totp_secret",
)


@dataclass(frozen=True)
class Account:
    """A user, and what the user signs in with."""

    user_id: Any
    email: str
    # Empty if the table of users has no names.
    name: str
    is_active: bool
    password_hash: str | None
    password_changed_at: datetime | None
    totp_secret: str | None
    totp_step: int | None
    new_totp_secret: str | None


class AccountLookup:
    """Reads accounts from the database."""

    def __init__(self, tables: AccountTables) -> None:
        self.tables = tables
        users, credentials = tables.users.columns, tables.credentials.columns
        columns = [users[KEY].label("user_id"), users["email"], users["is_active"]]
        if "name" in users:
            columns.append(users["name"])
        columns += [credentials[name] for name in CREDENTIALS]
        source = tables.users.outerjoin(tables.credentials)
        self.statement = select(*columns).select_from(source)

    async def by_email(self, database: Database, email: str) -> Account | None:
        """Return the account with this e-mail address, which is in lower case, or None."""
        return await self.find(database, self.tables.users.columns["email"] == email)

    async def by_id(self, database: Database, user_id: object) -> Account | None:
        """Return the account of a user, or None."""
        return await self.find(database, self.tables.users.columns[KEY] == user_id)

    async def lock(self, transaction: AsyncSession, user_id: object) -> Account | None:
        """Return the account as it is until the transaction ends, or None.

        Everything that begins or ends sessions of a user because of a password, a token or a second
        factor begins with this lock, so that these happen one after the other. References to the
        row, such as those of new sessions, do not wait for it (FOR NO KEY UPDATE). On SQLite,
        transactions that write do not overlap anyway.
        """
        users, credentials = self.tables.users.columns, self.tables.credentials.columns
        row = select(users[KEY]).where(users[KEY] == user_id)
        if await transaction.scalar(row.with_for_update(key_share=True)) is None:
            return None
        password = select(credentials["user_id"]).where(credentials["user_id"] == user_id)
        await transaction.execute(password.with_for_update())
        # A statement of its own: it sees what the transaction waited for.
        result = await transaction.execute(self.statement.where(users[KEY] == user_id))
        return account_of(result.mappings().all())

    async def find(self, database: Database, condition: ColumnElement[bool]) -> Account | None:
        return account_of(await database.rows(self.statement.where(condition)))


def account_of(rows: Sequence[Mapping[Any, Any]]) -> Account | None:
    if not rows:
        return None
    return Account(**{"name": "", **rows[0]})
