"""Routes with which users register and remove passkeys, and sign in with them."""

import logging
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from kit._internal.auth.accounts.confirmation import Confirmation
from kit._internal.auth.accounts.routes.dependencies import (
    AccountsDatabase,
    ClientAddress,
    CurrentAccounts,
    CurrentSession,
    Device,
    OldToken,
)
from kit._internal.auth.accounts.routes.signed_in import hand_over
from kit._internal.auth.accounts.schemas import (
    PasskeyCreate,
    PasskeyList,
    PasskeyRead,
    PasskeyRemoval,
    PasskeySignIn,
    Reauthentication,
    SignedIn,
)
from kit._internal.problems import NotFoundError, problem_responses

if TYPE_CHECKING:
    from kit._internal.auth.accounts.passkey_ceremonies import PasskeyCeremonies

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/passkeys")


def ceremonies_of(
    accounts: CurrentAccounts, database: AccountsDatabase, address: ClientAddress
) -> "PasskeyCeremonies":
    """Return the ceremonies; in a thread, as the first import of webauthn takes 0.3 seconds.

    The service starts without it.
    """
    from kit._internal.auth.accounts.passkey_ceremonies import (  # noqa: PLC0415
        PasskeyCeremonies,
    )

    return PasskeyCeremonies(accounts, database, address)


Ceremonies = Annotated["PasskeyCeremonies", Depends(ceremonies_of)]


@router.get("", responses=problem_responses(401))
async def list_passkeys(
    accounts: CurrentAccounts, database: AccountsDatabase, session: CurrentSession
) -> PasskeyList:
    """Return the passkeys of the user."""
    rows = await accounts.passkeys.list_of(database, session.user_id)
    return PasskeyList(items=[PasskeyRead(**row) for row in rows])


@router.post("/registration", responses=problem_responses(400, 401, 429))
async def begin_registration(
    body: Reauthentication, session: CurrentSession, address: ClientAddress, ceremonies: Ceremonies
) -> dict[str, Any]:
    """Return the options of navigator.credentials.create(); they are valid for 5 minutes."""
    confirmation = Confirmation(session.user_id, address, body.current_password, body.code)
    return await ceremonies.begin_registration(confirmation)


@router.post("", status_code=201, responses=problem_responses(400, 401, 409))
async def register_passkey(
    body: PasskeyCreate, session: CurrentSession, ceremonies: Ceremonies
) -> PasskeyRead:
    """Add the passkey that the browser has created."""
    return PasskeyRead(**await ceremonies.register(session, body.name, body.credential))


@router.post("/{passkey_id}/remove", responses=problem_responses(400, 401, 404, 429))
async def remove_passkey(
    passkey_id: UUID,
    body: PasskeyRemoval,
    response: Response,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
    address: ClientAddress,
) -> SignedIn:
    """Remove a passkey of the user; the session gets a new token, and all others end."""
    confirmation = Confirmation(session.user_id, address, body.current_password, body.code)
    account = await confirmation.check(accounts, database)
    async with database.write_sessions.begin() as transaction:
        await accounts.lookup.lock(transaction, session.user_id)
        if not await accounts.passkeys.remove(transaction, session.user_id, passkey_id):
            raise NotFoundError("passkey")
        await accounts.sessions.end_all(transaction, session.user_id, [session.session_id])
        renewed = await accounts.sessions.rotate(transaction, session.session_id)
    logger.info("passkey removed", extra={"passkey": str(passkey_id)})
    change = "a passkey was removed"
    accounts.mailer.send("second_factor_changed", account.email, name=account.name, change=change)
    return hand_over(renewed, body.transport, response, accounts)


@router.post("/sign-in/options", responses=problem_responses(429))
async def begin_sign_in(ceremonies: Ceremonies) -> dict[str, Any]:
    """Return the options of navigator.credentials.get(), with which anyone may sign in once."""
    return await ceremonies.begin_sign_in()


@router.post("/sign-in", status_code=201, responses=problem_responses(400, 401))
async def sign_in_with_passkey(
    body: PasskeySignIn,
    response: Response,
    accounts: CurrentAccounts,
    device: Device,
    old_token: OldToken,
    ceremonies: Ceremonies,
) -> SignedIn:
    """Begin a session, without a code: a passkey is both factors."""
    session = await ceremonies.sign_in(body.credential, device, old_token)
    return hand_over(session, body.transport, response, accounts, old_token)
