"""The second factor: codes of an app (TOTP), and recovery codes for its loss."""

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts import totp
from kit._internal.auth.accounts.lookup import Account
from kit._internal.auth.accounts.tables import AccountTables
from kit._internal.auth.errors import UnauthorizedError
from kit._internal.problems import BadRequestError, ConflictError
from kit.db import Database


class MissingCodeError(UnauthorizedError):
    """401: the password is right, and a code is needed."""

    def __init__(self) -> None:
        super().__init__("A code of the second factor is needed.", "code-required")


class WrongCodeError(UnauthorizedError):
    """401: the code is wrong or has been used."""

    def __init__(self) -> None:
        super().__init__("The code is wrong, has expired or was used before.", "wrong-code")


class WrongFirstCodeError(BadRequestError):
    """400: the code does not confirm the secret of the app."""

    def __init__(self) -> None:
        super().__init__(
            "The code is wrong: scan the secret again, and check the clock of the device.",
            "wrong-code",
        )


class SecondFactorOnError(ConflictError):
    """409: the user has a second factor, which has to be turned off first."""

    def __init__(self) -> None:
        super().__init__("The second factor is on; turn it off first.", "second-factor-on")


class SecondFactorOffError(ConflictError):
    """409: the user has no second factor, or has not begun to turn it on."""

    def __init__(self) -> None:
        super().__init__("The second factor is off; request a secret first.", "second-factor-off")


class SecondFactor:
    """Checks and changes the second factor of users."""

    def __init__(self, tables: AccountTables) -> None:
        self.tables = tables

    async def check(self, database: Database, account: Account, code: str | None) -> None:
        """Accept a code of the user, once; do nothing if the user has no second factor.

        Raises MissingCodeError and WrongCodeError.
        """
        if account.totp_secret is None:
            return
        if code is None:
            raise MissingCodeError
        step = totp.verify(account.totp_secret, code, account.totp_step)
        if step is not None:
            accepted = await self.take_step(database, account, step)
        else:
            accepted = await self.take_recovery_code(database, account, code)
        if not accepted:
            raise WrongCodeError

    async def take_step(self, database: Database, account: Account, step: int) -> bool:
        """Store the step of a code; return False if another request was faster."""
        table = self.tables.credentials
        columns = table.columns
        is_later = or_(columns["totp_step"].is_(None), columns["totp_step"] < step)
        statement = update(table).where(columns["user_id"] == account.user_id, is_later)
        rows = await database.rows(statement.values(totp_step=step).returning(columns["user_id"]))
        return bool(rows)

    async def take_recovery_code(self, database: Database, account: Account, code: str) -> bool:
        """Delete a recovery code of the user; return whether there was one."""
        columns = self.tables.recovery_codes.columns
        statement = delete(self.tables.recovery_codes).where(
            columns["user_id"] == account.user_id,
            columns["code_hash"] == totp.hash_recovery_code(code),
        )
        return bool(await database.rows(statement.returning(columns["code_hash"])))

    async def begin(self, database: Database, account: Account) -> str:
        """Store a new secret, which the first code has to confirm, and return it.

        Raises SecondFactorOnError.
        """
        secret = totp.new_secret()
        table = self.tables.credentials
        statement = update(table).where(
            table.columns["user_id"] == account.user_id, table.columns["totp_secret"].is_(None)
        )
        statement = statement.values(new_totp_secret=secret).returning(table.columns["user_id"])
        if not await database.rows(statement):
            raise SecondFactorOnError
        return secret

    async def turn_on(self, transaction: AsyncSession, account: Account, code: str) -> list[str]:
        """Turn the second factor on by its first code; return the recovery codes.

        Raises WrongFirstCodeError, and SecondFactorOffError without begin() or if another request
        was faster.
        """
        secret = account.new_totp_secret
        if secret is None:
            raise SecondFactorOffError
        step = totp.verify(secret, code, None)
        if step is None:
            raise WrongFirstCodeError
        table = self.tables.credentials
        statement = update(table).where(
            table.columns["user_id"] == account.user_id,
            table.columns["new_totp_secret"] == secret,
        )
        # The code cannot be used again.
        statement = statement.values(totp_secret=secret, totp_step=step, new_totp_secret=None)
        if await transaction.scalar(statement.returning(table.columns["user_id"])) is None:
            raise SecondFactorOffError
        return await self.renew_recovery_codes(transaction, account.user_id)

    async def turn_off(self, transaction: AsyncSession, user_id: object) -> bool:
        """Remove the second factor of a user; return whether there was one."""
        table = self.tables.credentials
        statement = update(table).where(
            table.columns["user_id"] == user_id, table.columns["totp_secret"].is_not(None)
        )
        statement = statement.values(totp_secret=None, totp_step=None, new_totp_secret=None)
        was_on = await transaction.scalar(statement.returning(table.columns["user_id"]))
        await self.delete_recovery_codes(transaction, user_id)
        return was_on is not None

    async def renew_recovery_codes(self, transaction: AsyncSession, user_id: object) -> list[str]:
        """Replace the recovery codes of a user, and return the new ones.

        Raises SecondFactorOffError if the user has no second factor.
        """
        columns = self.tables.credentials.columns
        # Two requests at once would leave the codes of both.
        statement = select(columns["totp_secret"]).where(columns["user_id"] == user_id)
        if await transaction.scalar(statement.with_for_update()) is None:
            raise SecondFactorOffError
        await self.delete_recovery_codes(transaction, user_id)
        codes = totp.new_recovery_codes()
        rows = [{"user_id": user_id, "code_hash": totp.hash_recovery_code(code)} for code in codes]
        await transaction.execute(insert(self.tables.recovery_codes), rows)
        return codes

    async def delete_recovery_codes(self, transaction: AsyncSession, user_id: object) -> None:
        table = self.tables.recovery_codes
        await transaction.execute(delete(table).where(table.columns["user_id"] == user_id))

    async def count_recovery_codes(self, database: Database, user_id: object) -> int:
        """Return how many recovery codes of a user are unused."""
        table = self.tables.recovery_codes
        statement = select(func.count().label("count")).where(table.columns["user_id"] == user_id)
        rows = await database.rows(statement)
        count: int = rows[0]["count"]
        return count
