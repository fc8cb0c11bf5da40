"""What the routes of accounts need: the accounts, the database, and the user's session."""

from typing import Annotated, Any, cast

from fastapi import Depends, Request

from kit._internal.auth.accounts import cookies
from kit._internal.auth.accounts.accounts import Accounts
from kit._internal.auth.accounts.authenticator import AccountsAuthenticator, SessionPrincipal
from kit._internal.auth.accounts.origins import refuse_other_origins
from kit._internal.auth.accounts.users import parse_user_id
from kit._internal.auth.callers import current_principal, service_of
from kit._internal.auth.interface import Principal
from kit._internal.problems import ForbiddenError, NotFoundError
from kit.db import Database


async def refuse_cross_origin(request: Request) -> None:
    """Raise CrossOriginError for unsafe requests of other pages, such as a forced sign-in."""
    refuse_other_origins(request, service_of(request).state.settings.cors_origins)


async def accounts_of(request: Request) -> Accounts:
    """Return the accounts of the service."""
    service = service_of(request)
    accounts = cast("AccountsAuthenticator", service.authenticator).accounts
    # Tests do not start the applications that they call.
    accounts.own_new_user = service.new_user
    return accounts


async def database_of(request: Request) -> Database:
    """Return the database with the accounts: the first one of the service."""
    return service_of(request).sources[0].of(request)


CurrentAccounts = Annotated[Accounts, Depends(accounts_of)]
AccountsDatabase = Annotated[Database, Depends(database_of)]


async def known_permissions_of(request: Request) -> frozenset[str]:
    """Return all permissions that routes of the service require."""
    service = service_of(request)
    return cast("AccountsAuthenticator", service.authenticator).permissions_of(service)


async def user_id_of(user_id: str, accounts: CurrentAccounts, database: AccountsDatabase) -> object:
    """Return the id of the user in the path; raise NotFoundError if there is no such user."""
    value = parse_user_id(accounts.tables.users, user_id)
    if value is None or await accounts.lookup.by_id(database, value) is None:
        raise NotFoundError("user")
    return value


async def session_of(
    principal: Annotated[Principal, Depends(current_principal)],
) -> SessionPrincipal:
    """Return the user who has signed in; raise ForbiddenError for an API key."""
    if not isinstance(principal, SessionPrincipal):
        raise ForbiddenError("Only a user who has signed in may do this.", "session-required")
    return principal


async def address_of(request: Request) -> str:
    """Return the address of the client, without which attempts cannot be counted."""
    if request.client is None:
        return "unknown"
    return request.client.host


async def device_of(request: Request) -> str:
    """Return the printable characters of the User-Agent."""
    agent = request.headers.get("user-agent", "")
    return "".join(sign for sign in agent if sign.isprintable())


async def old_token_of(request: Request) -> str | None:
    """Return the token of the browser's session, which ends when another one begins."""
    return cookies.session_cookie(request)


CurrentSession = Annotated[SessionPrincipal, Depends(session_of)]
ClientAddress = Annotated[str, Depends(address_of)]
Device = Annotated[str, Depends(device_of)]
KnownPermissions = Annotated[frozenset[str], Depends(known_permissions_of)]
UserInPath = Annotated[Any, Depends(user_id_of)]
OldToken = Annotated[str | None, Depends(old_token_of)]
