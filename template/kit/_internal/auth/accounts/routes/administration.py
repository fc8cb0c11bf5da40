"""Routes with which administrators change roles, and help users who have lost access."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from kit._internal.auth.accounts.administration import Administration
from kit._internal.auth.accounts.roles import Roles
from kit._internal.auth.accounts.routes.dependencies import (
    AccountsDatabase,
    CurrentAccounts,
    KnownPermissions,
    UserInPath,
)
from kit._internal.auth.accounts.schemas import (
    RoleList,
    RoleName,
    RoleRead,
    RoleWrite,
    UserRoles,
)
from kit._internal.auth.callers import current_principal
from kit._internal.auth.guards import ResourceGuard
from kit._internal.auth.interface import Principal
from kit._internal.problems import problem_responses

router = APIRouter(
    dependencies=[Depends(ResourceGuard("accounts"))], responses=problem_responses(401)
)


async def administration_of(
    accounts: CurrentAccounts,
    database: AccountsDatabase,
    principal: Annotated[Principal, Depends(current_principal)],
    known: KnownPermissions,
) -> Administration:
    return Administration(accounts, database, principal, known)


CurrentAdministration = Annotated[Administration, Depends(administration_of)]
RoleInPath = Annotated[RoleName, Path()]


@router.get("/roles")
async def list_roles(accounts: CurrentAccounts, database: AccountsDatabase) -> RoleList:
    """Return all roles, with their permissions."""
    rows = await accounts.roles.list_all(database)
    return RoleList(items=[RoleRead(**row) for row in rows])


@router.put("/roles/{name}", responses=problem_responses(400, 409))
async def put_role(
    name: RoleInPath, body: RoleWrite, administration: CurrentAdministration
) -> RoleRead:
    """Add a role or replace its permissions; its users have to sign in again."""
    await administration.set_role(name, body.permissions)
    return RoleRead(name=name, permissions=sorted({*body.permissions}))


@router.delete("/roles/{name}", status_code=204, responses=problem_responses(404, 409))
async def delete_role(name: RoleInPath, administration: CurrentAdministration) -> None:
    """Delete a role; its users lose it, and have to sign in again."""
    await administration.delete_role(name)


@router.get("/users/{user_id}/roles", responses=problem_responses(404))
async def read_roles_of_user(
    user_id: UserInPath, accounts: CurrentAccounts, database: AccountsDatabase
) -> UserRoles:
    """Return the roles of a user."""
    return await roles_of(accounts.roles, database, user_id)


@router.put("/users/{user_id}/roles", responses=problem_responses(400, 404, 409))
async def put_roles_of_user(
    user_id: UserInPath,
    body: UserRoles,
    administration: CurrentAdministration,
    database: AccountsDatabase,
) -> UserRoles:
    """Give a user these roles and no others; the user has to sign in again."""
    await administration.set_roles_of(user_id, body.roles)
    return await roles_of(administration.accounts.roles, database, user_id)


async def roles_of(roles: Roles, database: AccountsDatabase, user_id: object) -> UserRoles:
    async with database.read_sessions() as session:
        return UserRoles(roles=sorted(await roles.names_of(session, user_id)))


@router.delete("/users/{user_id}/sessions", status_code=204, responses=problem_responses(404))
async def end_sessions_of_user(user_id: UserInPath, administration: CurrentAdministration) -> None:
    """End all sessions of a user; API keys of the user continue to work."""
    await administration.end_sessions(user_id)


@router.delete("/users/{user_id}/totp", status_code=204, responses=problem_responses(404))
async def turn_off_second_factor_of_user(
    user_id: UserInPath, administration: CurrentAdministration
) -> None:
    """Remove the second factor of a user who has lost it, and end the sessions of the user."""
    if await administration.turn_off_second_factor(user_id):
        await send_notice(administration, user_id, "an administrator turned it off")


@router.delete("/users/{user_id}/passkeys", status_code=204, responses=problem_responses(404))
async def remove_passkeys_of_user(
    user_id: UserInPath, administration: CurrentAdministration
) -> None:
    """Remove the passkeys of a user who has lost them, and end the sessions of the user."""
    if await administration.remove_passkeys(user_id):
        await send_notice(administration, user_id, "an administrator removed all passkeys")


async def send_notice(administration: Administration, user_id: object, change: str) -> None:
    """Mail the user what an administrator has changed."""
    accounts = administration.accounts
    account = await accounts.lookup.by_id(administration.database, user_id)
    if account is not None:
        accounts.mailer.send(
            "second_factor_changed", account.email, name=account.name, change=change
        )
