"""Routes with which users create and revoke their API keys."""

import logging
from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter

from kit._internal.auth.accounts.confirmation import Confirmation
from kit._internal.auth.accounts.escalation import refuse_escalation, refuse_unknown
from kit._internal.auth.accounts.routes.dependencies import (
    AccountsDatabase,
    ClientAddress,
    CurrentAccounts,
    CurrentSession,
    KnownPermissions,
)
from kit._internal.auth.accounts.schemas import (
    ApiKeyCreate,
    ApiKeyCreated,
    ApiKeyList,
    ApiKeyRead,
)
from kit._internal.problems import NotFoundError, problem_responses
from kit.models import utc_now

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/api-keys")


@router.post("", status_code=201, responses=problem_responses(400, 401, 409, 429))
async def create_api_key(
    body: ApiKeyCreate,
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    session: CurrentSession,
    address: ClientAddress,
    known: KnownPermissions,
) -> ApiKeyCreated:
    """Create a key, which is shown only now, with some of the user's permissions."""
    # Not `*`: a key has the permissions that its owner has named, and no others later.
    refuse_unknown(body.permissions, known)
    refuse_escalation(session, body.permissions)
    confirmation = Confirmation(session.user_id, address, body.current_password, body.code)
    account = await confirmation.check(accounts, database)
    expires_at = None
    if body.expires_in_days is not None:
        expires_at = utc_now() + timedelta(days=body.expires_in_days)
    new = await accounts.api_keys.create(
        database, session.user_id, body.name, body.permissions, expires_at
    )
    logger.info("API key created", extra={"api_key": str(new.row["id"])})
    accounts.mailer.send("new_api_key", account.email, name=account.name, key_name=body.name)
    return ApiKeyCreated(key=new.key, **new.row)


@router.get("", responses=problem_responses(401))
async def list_api_keys(
    accounts: CurrentAccounts, database: AccountsDatabase, session: CurrentSession
) -> ApiKeyList:
    """Return the keys of the user, also those that have expired."""
    rows = await accounts.api_keys.list_of(database, session.user_id)
    return ApiKeyList(items=[ApiKeyRead(**row) for row in rows])


@router.delete("/{key_id}", status_code=204, responses=problem_responses(401, 404))
async def revoke_api_key(
    key_id: UUID, accounts: CurrentAccounts, database: AccountsDatabase, session: CurrentSession
) -> None:
    """Revoke a key of the user."""
    if not await accounts.api_keys.revoke(database, session.user_id, key_id):
        raise NotFoundError("api key", "There is no API key with this id.")
    accounts.cache.forget_user(session.user_id)
    logger.info("API key revoked", extra={"api_key": str(key_id)})
