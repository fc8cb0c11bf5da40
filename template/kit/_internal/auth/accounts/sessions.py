"""Sessions of users who have signed in: rows with the hash of a random token."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.permissions import granted_permissions, with_roles
from kit._internal.auth.accounts.tables import AccountTables
from kit._internal.auth.accounts.tokens import hash_of, new_session_token
from kit._internal.auth.errors import UnauthorizedError
from kit.db import Database
from kit.models import utc_now

if TYPE_CHECKING:
    from kit._internal.auth.accounts.settings import Settings

DEVICE_LENGTH = 200
# A session that was seen more recently is not updated.
SEEN_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True)
class NewSession:
    """A session that has just begun, with the token that only its client gets."""

    token: str
    session_id: UUID
    user_id: Any
    expires_at: datetime


@dataclass(frozen=True)
class VerifiedSession:
    """A session of a user who is active, with the permissions of the user's roles."""

    session_id: UUID
    user_id: Any
    permissions: frozenset[str]
    last_seen_at: datetime


class Sessions:
    """Begins, finds and ends sessions."""

    def __init__(self, tables: AccountTables, settings: "Settings") -> None:
        self.tables = tables
        self.table = tables.sessions
        self.lifetime = timedelta(seconds=settings.auth_session_lifetime)
        self.idle_timeout = timedelta(seconds=settings.auth_session_idle_timeout)

    async def begin(self, transaction: AsyncSession, user_id: object, device: str) -> NewSession:
        """Add a session of a user who has just signed in, and return it."""
        now = utc_now()
        token = new_session_token()
        values = {
            "token_hash": hash_of(token),
            "user_id": user_id,
            "last_seen_at": now,
            "authenticated_at": now,
            "expires_at": now + self.lifetime,
            "device": device[:DEVICE_LENGTH],
        }
        statement = insert(self.table).values(values).returning(self.table.columns["id"])
        session_id = await transaction.scalar(statement)
        return NewSession(token, session_id, user_id, now + self.lifetime)

    async def find(self, database: Database, token: str) -> VerifiedSession | None:
        """Return the session of a token; None if it has ended, or the user is not active."""
        now = utc_now()
        sessions, users = self.table.columns, self.tables.users.columns
        source = with_roles(self.table.join(self.tables.users), self.tables, sessions["user_id"])
        statement = (
            select(
                sessions["id"],
                sessions["user_id"],
                sessions["last_seen_at"],
                self.tables.roles.columns["permissions"],
            )
            .select_from(source)
            .where(
                sessions["token_hash"] == hash_of(token),
                sessions["expires_at"] > now,
                sessions["last_seen_at"] > now - self.idle_timeout,
                users["is_active"],
            )
        )
        # A row for each role of the user.
        rows = await database.rows(statement)
        if not rows:
            return None
        first = rows[0]
        permissions = granted_permissions(rows)
        return VerifiedSession(first["id"], first["user_id"], permissions, first["last_seen_at"])

    async def touch(self, database: Database, session: VerifiedSession) -> None:
        """Store that a session was used, at most once a minute."""
        now = utc_now()
        if session.last_seen_at > now - SEEN_INTERVAL:
            return
        columns = self.table.columns
        statement = update(self.table).where(columns["id"] == session.session_id)
        await database.rows(statement.values(last_seen_at=now))

    async def list_active(self, database: Database, user_id: object) -> list[dict[str, Any]]:
        """Return the sessions of a user that have not ended, the latest used first."""
        now = utc_now()
        columns = self.table.columns
        names = ("id", "device", "created_at", "last_seen_at", "expires_at")
        statement = select(*(columns[name] for name in names)).where(
            columns["user_id"] == user_id,
            columns["expires_at"] > now,
            columns["last_seen_at"] > now - self.idle_timeout,
        )
        return await database.rows(statement.order_by(columns["last_seen_at"].desc()))

    async def end(self, database: Database, user_id: object, session_id: UUID) -> bool:
        """End a session of a user; return whether there was one."""
        columns = self.table.columns
        statement = delete(self.table).where(
            columns["id"] == session_id, columns["user_id"] == user_id
        )
        return bool(await database.rows(statement.returning(columns["id"])))

    async def end_token(self, transaction: AsyncSession, token: str) -> None:
        """End the session of a token, if there is one."""
        condition = self.table.columns["token_hash"] == hash_of(token)
        await transaction.execute(delete(self.table).where(condition))

    async def end_all(
        self, transaction: AsyncSession, user_id: object, keep: Collection[UUID] = ()
    ) -> None:
        """End all sessions of a user, except some."""
        columns = self.table.columns
        condition = and_(columns["user_id"] == user_id, columns["id"].not_in(keep))
        await transaction.execute(delete(self.table).where(condition))

    async def refuse_ended(self, transaction: AsyncSession, session_id: UUID) -> None:
        """Raise UnauthorizedError if a session has ended, which the cache does not know yet."""
        columns = self.table.columns
        statement = select(columns["id"]).where(columns["id"] == session_id)
        if await transaction.scalar(statement) is None:
            raise UnauthorizedError("The session has ended.")

    async def rotate(self, transaction: AsyncSession, session_id: UUID) -> NewSession:
        """Give a session a new token, and return it: the old token ends (session fixation).

        Raises UnauthorizedError if the session has ended in the meantime.
        """
        token = new_session_token()
        columns = self.table.columns
        statement = update(self.table).where(columns["id"] == session_id)
        statement = statement.values(token_hash=hash_of(token), authenticated_at=utc_now())
        returned = statement.returning(columns["user_id"], columns["expires_at"])
        row = (await transaction.execute(returned)).one_or_none()
        if row is None:
            raise UnauthorizedError("The session has ended.")
        return NewSession(token, session_id, row.user_id, row.expires_at)
