"""Routes to change the user's e-mail address."""

from functools import partial

from fastapi import APIRouter, BackgroundTasks

from kit._internal.auth.accounts.confirmation import Confirmation
from kit._internal.auth.accounts.email_changes import EmailChanges
from kit._internal.auth.accounts.mail_limits import mail_keys
from kit._internal.auth.accounts.routes.dependencies import (
    AccountsDatabase,
    ClientAddress,
    CurrentAccounts,
    CurrentSession,
)
from kit._internal.auth.accounts.schemas import (
    EmailChangeConfirmation,
    EmailChangeRequest,
    MailRequested,
)
from kit._internal.problems import problem_responses

router = APIRouter()


@router.post("/email", status_code=202, responses=problem_responses(400, 401, 429))
async def request_email_change(
    body: EmailChangeRequest,
    tasks: BackgroundTasks,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
    address: ClientAddress,
) -> MailRequested:
    """Mail a link to the new address; the answer is the same if another user has it."""
    confirmation = Confirmation(session.user_id, address, body.current_password, body.code)
    account = await confirmation.check(accounts, database)
    await accounts.limits.count(database, mail_keys(accounts.limits, body.email, address))
    changes = EmailChanges(accounts, database)
    accounts.worker.schedule(tasks, partial(changes.send_confirmation, account, body.email))
    return MailRequested()


@router.post("/email/confirm", status_code=204, responses=problem_responses(400, 401))
async def confirm_email_change(
    body: EmailChangeConfirmation,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
) -> None:
    """Change the address of the user who has requested it; the user's other sessions end."""
    await EmailChanges(accounts, database).confirm(session, body.token)
