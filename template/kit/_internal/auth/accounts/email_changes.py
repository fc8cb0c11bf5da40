"""Changes the e-mail address of a user, when the owner of the new mailbox has confirmed it."""

import logging
from typing import TYPE_CHECKING

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.columns import KEY
from kit._internal.auth.accounts.email_tokens import EMAIL_CHANGE, EmailToken, InvalidTokenError
from kit._internal.auth.accounts.lookup import Account
from kit.db import Database

if TYPE_CHECKING:
    from kit._internal.auth.accounts.accounts import Accounts
    from kit._internal.auth.accounts.authenticator import SessionPrincipal

logger = logging.getLogger(__name__)

MINUTE = 60


class EmailChanges:
    """Changes e-mail addresses in a database."""

    def __init__(self, accounts: "Accounts", database: Database) -> None:
        self.accounts = accounts
        self.database = database

    async def send_confirmation(self, account: Account, email: str) -> None:
        """Mail a link to the new address, unless another user has it."""
        if await self.accounts.lookup.by_email(self.database, email) is not None:
            return
        lifetime = self.accounts.settings.auth_reset_lifetime
        token = await self.accounts.email_tokens.create(
            self.database, EMAIL_CHANGE, email, lifetime, user_id=account.user_id
        )
        self.accounts.mailer.send(
            "email_change", email, token=token, name=account.name, minutes=lifetime / MINUTE
        )

    async def confirm(self, session: "SessionPrincipal", token: str) -> None:
        """Change the address of the user who has signed in, and end the user's other sessions.

        Raises InvalidTokenError: also for the token of another user, who could otherwise attach an
        account to a mailbox whose owner follows the link.
        """
        try:
            async with self.database.write_sessions.begin() as transaction:
                account = await self.accounts.lookup.lock(transaction, session.user_id)
                taken = await self.accounts.email_tokens.take(transaction, token, [EMAIL_CHANGE])
                if account is None or taken.user_id != account.user_id:
                    raise InvalidTokenError
                await self.store(transaction, session, taken)
        except IntegrityError:
            # Another user has the address, and nothing else is unique in this change.
            raise InvalidTokenError from None
        self.accounts.cache.forget_user(session.user_id)
        self.accounts.mailer.send("email_changed", account.email, name=account.name)
        logger.info("e-mail address changed", extra={"principal": str(account.user_id)})

    async def store(
        self, transaction: AsyncSession, session: "SessionPrincipal", token: EmailToken
    ) -> None:
        """Store the address, and end what was possible with the old one."""
        users = self.accounts.tables.users
        statement = update(users).where(users.columns[KEY] == session.user_id)
        await transaction.execute(statement.values(email=token.email))
        keep = [session.session_id]
        await self.accounts.sessions.end_all(transaction, session.user_id, keep)
        await self.accounts.email_tokens.revoke_of_user(transaction, session.user_id)
