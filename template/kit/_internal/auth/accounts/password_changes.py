"""Changes passwords: by the current one, or by a link in a mail.

Both end all other sessions of the user and revoke the links in mails: what was possible with the
old password no longer is.
"""

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.confirmation import Confirmation, NotConfirmedError
from kit._internal.auth.accounts.email_tokens import PASSWORD_RESET, EmailToken, InvalidTokenError
from kit._internal.auth.accounts.lookup import Account
from kit._internal.auth.accounts.sessions import NewSession
from kit.db import Database

if TYPE_CHECKING:
    from kit._internal.auth.accounts.accounts import Accounts
    from kit._internal.auth.accounts.authenticator import SessionPrincipal

logger = logging.getLogger(__name__)

MINUTE = 60


class PasswordChanges:
    """Changes passwords in a database, for clients of an address."""

    def __init__(self, accounts: "Accounts", database: Database, address: str) -> None:
        self.accounts = accounts
        self.database = database
        self.address = address

    async def change(
        self, session: "SessionPrincipal", confirmation: Confirmation, password: str
    ) -> NewSession:
        """Set another password, and return the session of the user with a new token.

        Raises NotConfirmedError, TooManyAttemptsError, WeakPasswordError and BusyError.
        """
        account = await confirmation.check(self.accounts, self.database)
        password_hash = await self.hash(account, password)
        async with self.database.write_sessions.begin() as transaction:
            current = await self.accounts.lookup.lock(transaction, account.user_id)
            if current is None or current.password_changed_at != account.password_changed_at:
                raise NotConfirmedError("The password was changed meanwhile.", "wrong-password")
            await self.store(transaction, account, password_hash, [session.session_id])
            renewed = await self.accounts.sessions.rotate(transaction, session.session_id)
        self.report(account)
        return renewed

    async def send_reset(self, email: str) -> None:
        """Mail a link to set another password; nothing for an unknown or an inactive user."""
        account = await self.accounts.lookup.by_email(self.database, email)
        if account is None or not account.is_active:
            return
        lifetime = self.accounts.settings.auth_reset_lifetime
        token = await self.accounts.email_tokens.create(
            self.database, PASSWORD_RESET, account.email, lifetime, user_id=account.user_id
        )
        self.accounts.mailer.send(
            "password_reset",
            account.email,
            token=token,
            name=account.name,
            minutes=lifetime / MINUTE,
        )

    async def reset(
        self, token: str, password: str, code: str | None, device: str, old_token: str | None
    ) -> NewSession:
        """Set the password of the user of a token, and begin a session.

        It needs a code of the second factor if the user has one: the mailbox is only one factor.
        Raises InvalidTokenError, WeakPasswordError, TooManyAttemptsError, BusyError, and the errors
        of the second factor; the token can be used again after the last four.
        """
        found = await self.accounts.email_tokens.find(self.database, token, [PASSWORD_RESET])
        account = await self.accounts.lookup.by_id(self.database, found.user_id)
        account = owner_of(found, account)
        password_hash = await self.hash(account, password)
        await self.check_second_factor(account, code)
        async with self.database.write_sessions.begin() as transaction:
            current = await self.accounts.lookup.lock(transaction, account.user_id)
            if owner_of(found, current).totp_secret != account.totp_secret:
                raise InvalidTokenError
            await self.accounts.email_tokens.take(transaction, token, [PASSWORD_RESET])
            await self.store(transaction, account, password_hash)
            if old_token is not None:
                await self.accounts.sessions.end_token(transaction, old_token)
            session = await self.accounts.sessions.begin(transaction, account.user_id, device)
        self.report(account)
        return session

    async def hash(self, account: Account, password: str) -> str:
        """Return the hash of a new password; raise WeakPasswordError and BusyError."""
        self.accounts.check_password(password, account.email, account.name)
        return await self.accounts.hasher.hash(password)

    async def check_second_factor(self, account: Account, code: str | None) -> None:
        """Accept a code; attempts are counted with those to sign in."""
        if account.totp_secret is None:
            return
        keys = self.accounts.limits.keys(account.email, self.address)
        await self.accounts.limits.count(self.database, keys)
        await self.accounts.second_factor.check(self.database, account, code)
        await self.accounts.limits.reset(self.database, keys)

    async def store(
        self,
        transaction: AsyncSession,
        account: Account,
        password_hash: str,
        keep: Collection[UUID] = (),
    ) -> None:
        """Store a password, and end what was possible with the old one, except some sessions."""
        await self.accounts.credentials.store_password(transaction, account.user_id, password_hash)
        await self.accounts.sessions.end_all(transaction, account.user_id, keep)
        await self.accounts.email_tokens.revoke_of_user(transaction, account.user_id)

    def report(self, account: Account) -> None:
        """Tell the user, who may not have done it, and log it."""
        self.accounts.mailer.send("password_changed", account.email, name=account.name)
        logger.info("password changed", extra={"principal": str(account.user_id)})


def owner_of(token: EmailToken, account: Account | None) -> Account:
    """Return the account of a token; raise InvalidTokenError if it no longer belongs to it.

    The mail with the token went to the address that the user had at that time.
    """
    if account is None or not account.is_active or account.email != token.email:
        raise InvalidTokenError
    return account
