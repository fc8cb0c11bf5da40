"""Routes to change a password, and to reset a forgotten one."""

from functools import partial

from fastapi import APIRouter, BackgroundTasks, Response

from kit._internal.auth.accounts.confirmation import Confirmation
from kit._internal.auth.accounts.mail_limits import mail_keys
from kit._internal.auth.accounts.password_changes import PasswordChanges
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
    MailRequested,
    PasswordChange,
    PasswordResetConfirmation,
    PasswordResetRequest,
    SignedIn,
)
from kit._internal.problems import problem_responses

router = APIRouter()


@router.post("/password", responses=problem_responses(400, 401, 429))
async def change_password(
    body: PasswordChange,
    response: Response,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
    address: ClientAddress,
) -> SignedIn:
    """Set another password: this session gets a new token, the user's other sessions end."""
    confirmation = Confirmation(session.user_id, address, body.current_password, body.code)
    changes = PasswordChanges(accounts, database, address)
    renewed = await changes.change(session, confirmation, body.password)
    return hand_over(renewed, body.transport, response, accounts)


@router.post("/password-reset", status_code=202, responses=problem_responses(400, 429))
async def request_password_reset(
    body: PasswordResetRequest,
    tasks: BackgroundTasks,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    address: ClientAddress,
) -> MailRequested:
    """Mail a link to set another password; the answer is the same for all addresses."""
    await accounts.limits.count(database, mail_keys(accounts.limits, body.email, address))
    changes = PasswordChanges(accounts, database, address)
    accounts.worker.schedule(tasks, partial(changes.send_reset, body.email))
    return MailRequested()


@router.post("/password-reset/confirm", status_code=201, responses=problem_responses(400, 401, 429))
async def reset_password(
    body: PasswordResetConfirmation,
    response: Response,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    address: ClientAddress,
    device: Device,
    old_token: OldToken,
) -> SignedIn:
    """Set the password of the user of a link, end all sessions, and begin one."""
    changes = PasswordChanges(accounts, database, address)
    session = await changes.reset(body.token, body.password, body.code, device, old_token)
    return hand_over(session, body.transport, response, accounts, old_token)
