"""Signs a user in with an e-mail address and a password, and a second factor if there is one."""

import logging
from typing import TYPE_CHECKING

from kit._internal.auth.accounts.lookup import Account
from kit._internal.auth.accounts.passwords import Verification
from kit._internal.auth.accounts.sessions import NewSession
from kit._internal.auth.errors import UnauthorizedError
from kit.db import Database

if TYPE_CHECKING:
    from kit._internal.auth.accounts.accounts import Accounts

logger = logging.getLogger(__name__)


class WrongPasswordError(UnauthorizedError):
    """401: the e-mail address or the password is wrong; which of them is not said."""

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is wrong.", "wrong-password")


class SignIn:
    """An attempt to sign in from an address, with a device: the User-Agent of the client."""

    def __init__(self, accounts: "Accounts", database: Database, address: str, device: str) -> None:
        self.accounts = accounts
        self.database = database
        self.address = address
        self.device = device

    async def with_password(
        self, email: str, password: str, code: str | None, old_token: str | None
    ) -> NewSession:
        """Return a new session; the session that the client had ends (session fixation).

        Raises WrongPasswordError, TooManyAttemptsError, BusyError, and the errors of the second
        factor.
        """
        self.accounts.hasher.refuse_if_busy()
        limits = self.accounts.limits
        keys = limits.keys(email, self.address)
        await limits.count(self.database, keys)
        account = await self.accounts.lookup.by_email(self.database, email)
        stored = None
        if account is not None and account.is_active:
            stored = account.password_hash
        # Also without an account: the answer takes the same time.
        verification = await self.accounts.hasher.verify(password, stored)
        if account is None or not verification.matches:
            logger.info("sign-in failed: wrong e-mail address or password")
            raise WrongPasswordError
        await self.accounts.second_factor.check(self.database, account, code)
        session = await self.begin(account, verification, old_token)
        await limits.reset(self.database, keys)
        logger.info("signed in", extra={"principal": str(account.user_id)})
        return session

    async def begin(
        self, account: Account, verification: Verification, old_token: str | None
    ) -> NewSession:
        """Return a new session, unless the password was changed in the meantime."""
        async with self.database.write_sessions.begin() as transaction:
            current = await self.accounts.lookup.lock(transaction, account.user_id)
            refuse_if_outdated(account, current)
            if verification.new_hash is not None:
                await self.accounts.credentials.replace_hash(
                    transaction, account.user_id, verification.new_hash
                )
            sessions = self.accounts.sessions
            if old_token is not None:
                await sessions.end_token(transaction, old_token)
            return await sessions.begin(transaction, account.user_id, self.device)


def refuse_if_outdated(account: Account, current: Account | None) -> None:
    """Raise WrongPasswordError if the user was deleted, or signs in differently now.

    A changed password or a new second factor ends all sessions, so none may begin afterwards with
    what was valid before. A new hash of the same password is no change of it.
    """
    if (
        current is None
        or current.password_changed_at != account.password_changed_at
        or current.totp_secret != account.totp_secret
    ):
        raise WrongPasswordError
