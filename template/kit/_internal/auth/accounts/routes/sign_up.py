"""Routes with which users create an account, or are invited to do so."""

from functools import partial

from fastapi import APIRouter, BackgroundTasks, Response

from kit._internal.auth.accounts.email_tokens import INVITATION, SIGN_UP
from kit._internal.auth.accounts.invitations import PERMISSION, Invitations
from kit._internal.auth.accounts.mail_limits import mail_keys
from kit._internal.auth.accounts.registration import Registration
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
    InvitationCreate,
    MailRequested,
    SignedIn,
    SignUpConfirmation,
    SignUpRequest,
)
from kit._internal.auth.accounts.sign_up_ways import refuse_if_closed
from kit._internal.problems import problem_responses
from kit.auth import require

router = APIRouter()


@router.post("/sign-up", status_code=202, responses=problem_responses(400, 429))
async def sign_up(
    body: SignUpRequest,
    tasks: BackgroundTasks,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    address: ClientAddress,
) -> MailRequested:
    """Mail a link with which the user sets a password; the answer is the same for all addresses."""
    refuse_if_closed(accounts.settings.auth_sign_up, SIGN_UP)
    await accounts.limits.count(database, mail_keys(accounts.limits, body.email, address))
    registration = Registration(accounts, database)
    accounts.worker.schedule(tasks, partial(registration.send_sign_up, body.email, body.name))
    return MailRequested()


@router.post("/sign-up/confirm", status_code=201, responses=problem_responses(400))
async def confirm_sign_up(
    body: SignUpConfirmation,
    response: Response,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    device: Device,
    old_token: OldToken,
) -> SignedIn:
    """Create the account of a sign-up or an invitation, and begin a session."""
    registration = Registration(accounts, database)
    session = await registration.confirm(body.token, body.password, device, old_token)
    return hand_over(session, body.transport, response, accounts, old_token)


@router.post(
    "/invitations",
    status_code=202,
    responses=problem_responses(400, 401, 409),
    dependencies=[require(PERMISSION)],
)
async def invite_user(
    body: InvitationCreate,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
) -> MailRequested:
    """Mail a link with which a new user sets a password; the user gets the roles."""
    refuse_if_closed(accounts.settings.auth_sign_up, INVITATION)
    invitations = Invitations(accounts, database)
    await invitations.send(session, body.email, body.name, body.roles)
    return MailRequested()
