"""Creates users who sign up or are invited: the owner of the mailbox sets the password.

So no account can be prepared for the address of another person, and the addresses of all users are
confirmed.
"""

import logging
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.email_tokens import (
    INVITATION,
    SIGN_UP,
    EmailToken,
    InvalidTokenError,
)
from kit._internal.auth.accounts.invitations import Invitations
from kit._internal.auth.accounts.sessions import NewSession
from kit._internal.auth.accounts.sign_up_ways import open_ways
from kit._internal.auth.accounts.users import key_of
from kit._internal.problems import ForbiddenError
from kit.db import Database

if TYPE_CHECKING:
    from kit._internal.auth.accounts.accounts import Accounts

logger = logging.getLogger(__name__)

MINUTE = 60


class InactiveAccountError(ForbiddenError):
    """403: the account has been created, but new_user() returns users who are not active."""

    def __init__(self) -> None:
        super().__init__(
            "The account has been created; an administrator has to activate it.",
            "account-inactive",
        )


class Registration:
    """Signs users up, in a database."""

    def __init__(self, accounts: "Accounts", database: Database) -> None:
        self.accounts = accounts
        self.database = database

    async def send_sign_up(self, email: str, name: str) -> None:
        """Mail a link to finish signing up, or that there is an account already.

        An inactive user gets no mail.
        """
        account = await self.accounts.lookup.by_email(self.database, email)
        if account is not None:
            if account.is_active:
                self.accounts.mailer.send("account_exists", account.email, name=account.name)
            return
        lifetime = self.accounts.settings.auth_sign_up_lifetime
        token = await self.accounts.email_tokens.create(
            self.database, SIGN_UP, email, lifetime, details={"name": name}
        )
        minutes = lifetime / MINUTE
        self.accounts.mailer.send("sign_up", email, token=token, name=name, minutes=minutes)

    async def confirm(
        self, token: str, password: str, device: str, old_token: str | None
    ) -> NewSession:
        """Create the user of a token, and begin a session; the client's older session ends.

        Raises SignUpClosedError, InvalidTokenError, WeakPasswordError, BusyError, and
        InactiveAccountError.
        """
        purposes = open_ways(self.accounts.settings.auth_sign_up)
        found = await self.accounts.email_tokens.find(self.database, token, purposes)
        self.accounts.check_password(password, found.email, found.details["name"])
        password_hash = await self.accounts.hasher.hash(password)
        try:
            async with self.database.write_sessions.begin() as transaction:
                taken = await self.accounts.email_tokens.take(transaction, token, purposes)
                user_id = await self.create_user(transaction, taken, password_hash)
                session = await self.begin(transaction, user_id, device, old_token)
        except IntegrityError:
            # Whatever the project's constraint for unique addresses is named.
            if await self.accounts.lookup.by_email(self.database, found.email) is None:
                raise
            raise InvalidTokenError from None
        logger.info("signed up", extra={"principal": str(user_id), "purpose": taken.purpose})
        if session is None:
            raise InactiveAccountError
        return session

    async def create_user(
        self, transaction: AsyncSession, token: EmailToken, password_hash: str
    ) -> object:
        """Add the row of the user, with the password and the roles; return its key."""
        user = self.accounts.new_user(token.email, token.details["name"])
        transaction.add(user)
        await transaction.flush()
        user_id = key_of(self.accounts.model, self.accounts.tables.users, user)
        await self.accounts.credentials.store_password(transaction, user_id, password_hash)
        if token.purpose == INVITATION:
            await Invitations(self.accounts, self.database).accept(transaction, token, user_id)
        await self.accounts.email_tokens.revoke_sign_ups(transaction, token.email)
        return user_id

    async def begin(
        self, transaction: AsyncSession, user_id: object, device: str, old_token: str | None
    ) -> NewSession | None:
        """Return the first session of a user; None if the user is not active."""
        account = await self.accounts.lookup.lock(transaction, user_id)
        if account is None or not account.is_active:
            return None
        if old_token is not None:
            await self.accounts.sessions.end_token(transaction, old_token)
        return await self.accounts.sessions.begin(transaction, user_id, device)
