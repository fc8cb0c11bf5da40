"""Tokens in links of mails: each is used once, for one purpose, and expires.

The database has only their hashes. What a token permits happens in the transaction that deletes it,
so of several requests with the same token exactly one succeeds.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.tables import AccountTables
from kit._internal.auth.accounts.tokens import hash_of, new_email_token
from kit._internal.problems import BadRequestError
from kit.db import Database
from kit.models import utc_now

SIGN_UP = "sign_up"
INVITATION = "invitation"
PASSWORD_RESET = "password_reset"  # noqa: S105
EMAIL_CHANGE = "email_change"
# A user has one token of these at a time; of the others, an e-mail address has one.
OF_USER = {PASSWORD_RESET, EMAIL_CHANGE}
# Columns of EmailToken.
COLUMNS = ("purpose", "email", "user_id", "details")


class InvalidTokenError(BadRequestError):
    """400: a token is unknown, used, replaced, expired or for something else, which is not said."""

    def __init__(self) -> None:
        super().__init__(
            "The link is invalid, has expired or was used before; request another one.",
            "invalid-token",
        )


@dataclass(frozen=True)
class EmailToken:
    """What is known about a token.

    `user_id` is the user who may use it; of an invitation, the user who invites, and of a sign-up,
    None.
    """

    purpose: str
    email: str
    user_id: Any
    details: Mapping[str, Any]


class EmailTokens:
    """Creates, takes and revokes tokens."""

    def __init__(self, tables: AccountTables) -> None:
        self.table = tables.email_tokens

    async def create(
        self,
        database: Database,
        purpose: str,
        email: str,
        lifetime: float,
        *,
        user_id: object = None,
        details: Mapping[str, Any] | None = None,
    ) -> str:
        """Return a new token for a number of seconds; it replaces the older ones.

        Raises IntegrityError if the user was deleted in the meantime.
        """
        columns = self.table.columns
        owner = columns["email"] == email
        if purpose in OF_USER:
            owner = columns["user_id"] == user_id
        token = new_email_token()
        values = {
            "token_hash": hash_of(token),
            "purpose": purpose,
            "email": email,
            "user_id": user_id,
            "details": details or {},
            "expires_at": utc_now() + timedelta(seconds=lifetime),
        }
        async with database.write_sessions.begin() as transaction:
            older = and_(columns["purpose"] == purpose, owner)
            await transaction.execute(delete(self.table).where(older))
            await transaction.execute(insert(self.table).values(values))
        return token

    async def find(self, database: Database, token: str, purposes: Collection[str]) -> EmailToken:
        """Return what a token is for, without using it; raise InvalidTokenError."""
        columns = [self.table.columns[name] for name in COLUMNS]
        rows = await database.rows(select(*columns).where(self.is_valid(token, purposes)))
        if not rows:
            raise InvalidTokenError
        return EmailToken(**rows[0])

    async def take(
        self, transaction: AsyncSession, token: str, purposes: Collection[str]
    ) -> EmailToken:
        """Delete a token, and return what it was for; raise InvalidTokenError.

        A second request with it waits for the first one, and succeeds if that is rolled back.
        """
        columns = [self.table.columns[name] for name in COLUMNS]
        statement = delete(self.table).where(self.is_valid(token, purposes)).returning(*columns)
        row = (await transaction.execute(statement)).mappings().one_or_none()
        if row is None:
            raise InvalidTokenError
        return EmailToken(**row)

    def is_valid(self, token: str, purposes: Collection[str]) -> ColumnElement[bool]:
        """Return the condition for a token that has not expired."""
        columns = self.table.columns
        return and_(
            columns["token_hash"] == hash_of(token),
            columns["purpose"].in_(purposes),
            columns["expires_at"] > utc_now(),
        )

    async def revoke_of_user(self, transaction: AsyncSession, user_id: object) -> None:
        """Delete all tokens of a user, also the invitations that the user has sent."""
        condition = self.table.columns["user_id"] == user_id
        await transaction.execute(delete(self.table).where(condition))

    async def revoke_sign_ups(self, transaction: AsyncSession, email: str) -> None:
        """Delete the tokens that would create a user with this address."""
        columns = self.table.columns
        condition = columns["purpose"].in_([SIGN_UP, INVITATION])
        await transaction.execute(delete(self.table).where(condition, columns["email"] == email))
