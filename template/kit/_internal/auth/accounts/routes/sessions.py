"""Routes to sign in and out, and the sessions of the user."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from kit._internal.auth.accounts import cookies
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
    SessionList,
    SessionRead,
    SignedIn,
    SignInRequest,
    UserOfSession,
)
from kit._internal.auth.accounts.signing_in import SignIn
from kit._internal.auth.callers import current_principal
from kit._internal.auth.interface import Principal
from kit._internal.problems import NotFoundError, problem_responses

router = APIRouter()


@router.post("/sign-in", status_code=201, responses=problem_responses(400, 401, 429))
async def sign_in(
    body: SignInRequest,
    response: Response,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    address: ClientAddress,
    device: Device,
    old_token: OldToken,
) -> SignedIn:
    """Begin a session: browsers get a cookie, other clients a token for `Authorization: Bearer`."""
    attempt = SignIn(accounts, database, address, device)
    session = await attempt.with_password(body.email, body.password, body.code, old_token)
    return hand_over(session, body.transport, response, accounts, old_token)


@router.post("/sign-out", status_code=204, responses=problem_responses(401))
async def sign_out(
    response: Response,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
) -> None:
    """End the session."""
    await accounts.sessions.end(database, session.user_id, session.session_id)
    accounts.cache.forget_user(session.user_id)
    cookies.delete_cookie(response)


@router.post("/sign-out-everywhere", status_code=204, responses=problem_responses(401))
async def sign_out_everywhere(
    response: Response,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
) -> None:
    """End all sessions of the user."""
    async with database.write_sessions.begin() as transaction:
        await accounts.sessions.end_all(transaction, session.user_id)
    accounts.cache.forget_user(session.user_id)
    cookies.delete_cookie(response)


@router.get("/me", responses=problem_responses(401))
async def read_principal(
    principal: Annotated[Principal, Depends(current_principal)],
) -> UserOfSession:
    """Return who calls, and what they may do."""
    return UserOfSession(
        subject=principal.subject,
        kind=principal.kind,
        permissions=sorted(principal.permissions),
    )


@router.get("/sessions", responses=problem_responses(401))
async def list_sessions(
    accounts: CurrentAccounts, database: AccountsDatabase, session: CurrentSession
) -> SessionList:
    """Return the sessions of the user that have not ended."""
    rows = await accounts.sessions.list_active(database, session.user_id)
    items = []
    for row in rows:
        is_current = row["id"] == session.session_id
        items.append(SessionRead(**row, is_current=is_current))
    return SessionList(items=items)


@router.delete("/sessions/{session_id}", status_code=204, responses=problem_responses(401, 404))
async def end_session(
    session_id: UUID,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
) -> None:
    """End one of the user's sessions."""
    if not await accounts.sessions.end(database, session.user_id, session_id):
        raise NotFoundError("session")
    accounts.cache.forget_user(session.user_id)
