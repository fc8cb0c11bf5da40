"""Confirms sensitive changes: the user authenticates again, with all factors (ASVS 5, 7.5.1).

A session that another person uses, such as on a computer that was left unlocked, does not suffice
to take over the account.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kit._internal.auth.accounts.lookup import Account
from kit._internal.auth.errors import UnauthorizedError
from kit._internal.problems import ForbiddenError
from kit.db import Database

if TYPE_CHECKING:
    from kit._internal.auth.accounts.accounts import Accounts


class NotConfirmedError(ForbiddenError):
    """403: the password or the code is wrong; the session continues."""


@dataclass(frozen=True)
class Confirmation:
    """What a user who has signed in enters again, and the address of the client."""

    user_id: Any
    address: str
    password: str
    code: str | None = None

    async def check(self, accounts: "Accounts", database: Database) -> Account:
        """Return the account of the user; the password has to be right.

        So has the code, if the user has a second factor; it cannot be used again. Raises
        NotConfirmedError, and TooManyAttemptsError: attempts count as those to sign in.
        """
        account = await accounts.lookup.by_id(database, self.user_id)
        if account is None:
            raise NotConfirmedError("The user does not exist any more.", "wrong-password")
        limits = accounts.limits
        keys = limits.keys(account.email, self.address)
        await limits.count(database, keys)
        verification = await accounts.hasher.verify(self.password, account.password_hash)
        if not verification.matches:
            raise NotConfirmedError("The current password is wrong.", "wrong-password")
        try:
            await accounts.second_factor.check(database, account, self.code)
        except UnauthorizedError as error:
            raise NotConfirmedError(error.detail, error.kind) from None
        await limits.reset(database, keys)
        return account
