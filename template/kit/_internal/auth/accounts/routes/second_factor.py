"""Routes with which users turn their second factor on and off."""

import logging

from fastapi import APIRouter, Response

from kit._internal.auth.accounts import totp
from kit._internal.auth.accounts.accounts import Accounts
from kit._internal.auth.accounts.confirmation import Confirmation
from kit._internal.auth.accounts.lookup import Account
from kit._internal.auth.accounts.routes.dependencies import (
    AccountsDatabase,
    ClientAddress,
    CurrentAccounts,
    CurrentSession,
)
from kit._internal.auth.accounts.routes.signed_in import hand_over
from kit._internal.auth.accounts.schemas import (
    Reauthentication,
    RecoveryCodes,
    SecondFactorConfirm,
    SecondFactorOff,
    SecondFactorOn,
    SecondFactorRead,
    SecondFactorSecret,
    SecondFactorStart,
    SignedIn,
)
from kit._internal.auth.accounts.second_factor import SecondFactorOnError
from kit._internal.auth.errors import UnauthorizedError
from kit._internal.problems import problem_responses

logger = logging.getLogger(__name__)

router = APIRouter(responses=problem_responses(401))


@router.get("/totp")
async def read_second_factor(
    accounts: CurrentAccounts, database: AccountsDatabase, session: CurrentSession
) -> SecondFactorRead:
    """Return whether the second factor is on, and how many recovery codes are unused."""
    account = await account_of(accounts, database, session.user_id)
    count = await accounts.second_factor.count_recovery_codes(database, session.user_id)
    return SecondFactorRead(is_on=account.totp_secret is not None, recovery_codes=count)


@router.post("/totp", responses=problem_responses(400, 409, 429))
async def begin_second_factor(
    body: SecondFactorStart,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
    address: ClientAddress,
) -> SecondFactorSecret:
    """Return a secret for an authenticator app, whose first code turns the second factor on."""
    account = await account_of(accounts, database, session.user_id)
    if account.totp_secret is not None:
        raise SecondFactorOnError
    confirmation = Confirmation(session.user_id, address, body.current_password)
    account = await confirmation.check(accounts, database)
    secret = await accounts.second_factor.begin(database, account)
    # A setting of kit/settings.py.
    issuer = str(getattr(accounts.settings, "service_name", "service"))
    uri = totp.provisioning_uri(secret, account.email, issuer)
    return SecondFactorSecret(secret=secret, uri=uri)


@router.post("/totp/confirm", responses=problem_responses(400, 409))
async def turn_on_second_factor(
    body: SecondFactorConfirm,
    response: Response,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
) -> SecondFactorOn:
    """Turn the second factor on; the session gets a new token, and all others end."""
    account = await account_of(accounts, database, session.user_id)
    async with database.write_sessions.begin() as transaction:
        codes = await accounts.second_factor.turn_on(transaction, account, body.code)
        await accounts.sessions.end_all(transaction, session.user_id, [session.session_id])
        renewed = await accounts.sessions.rotate(transaction, session.session_id)
    report(accounts, account, "it was turned on")
    signed_in = hand_over(renewed, body.transport, response, accounts)
    return SecondFactorOn(recovery_codes=codes, **signed_in.model_dump())


@router.post("/totp/off", responses=problem_responses(400, 409, 429))
async def turn_off_second_factor(
    body: SecondFactorOff,
    response: Response,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
    address: ClientAddress,
) -> SignedIn:
    """Turn the second factor off; the session gets a new token, and all others end."""
    confirmation = Confirmation(session.user_id, address, body.current_password, body.code)
    account = await confirmation.check(accounts, database)
    async with database.write_sessions.begin() as transaction:
        was_on = await accounts.second_factor.turn_off(transaction, session.user_id)
        await accounts.sessions.end_all(transaction, session.user_id, [session.session_id])
        renewed = await accounts.sessions.rotate(transaction, session.session_id)
    if was_on:
        report(accounts, account, "it was turned off")
    return hand_over(renewed, body.transport, response, accounts)


@router.post("/recovery-codes", responses=problem_responses(400, 409, 429))
async def renew_recovery_codes(
    body: Reauthentication,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
    address: ClientAddress,
) -> RecoveryCodes:
    """Replace the recovery codes: those before no longer work."""
    confirmation = Confirmation(session.user_id, address, body.current_password, body.code)
    account = await confirmation.check(accounts, database)
    async with database.write_sessions.begin() as transaction:
        codes = await accounts.second_factor.renew_recovery_codes(transaction, session.user_id)
    report(accounts, account, "its recovery codes were replaced")
    return RecoveryCodes(recovery_codes=codes)


async def account_of(accounts: Accounts, database: AccountsDatabase, user_id: object) -> Account:
    """Return the account of a session; raise UnauthorizedError if the user was deleted."""
    account = await accounts.lookup.by_id(database, user_id)
    if account is None:
        raise UnauthorizedError("The session has ended.")
    return account


def report(accounts: Accounts, account: Account, change: str) -> None:
    """Log a change of the second factor, and send a mail: the user may not have done it."""
    logger.info("second factor: %s", change)
    accounts.mailer.send("second_factor_changed", account.email, name=account.name, change=change)
