"""Changes the rights of users: nobody grants more than they have, and an administrator remains.

A change of rights ends the sessions of the users concerned.
"""

import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.escalation import refuse_escalation, refuse_unknown
from kit._internal.auth.accounts.permissions import ALL
from kit._internal.auth.accounts.roles import RolePermissions, permissions_of
from kit._internal.auth.interface import Principal
from kit._internal.problems import ConflictError, NotFoundError
from kit.db import Database

if TYPE_CHECKING:
    from kit._internal.auth.accounts.accounts import Accounts

logger = logging.getLogger(__name__)


class LastAdministratorError(ConflictError):
    """409: nobody would have all permissions any more."""

    def __init__(self) -> None:
        super().__init__(
            f"Nobody else has a role with all permissions ({ALL}).", "last-administrator"
        )


class RoleNotFoundError(NotFoundError):
    """404: there is no role of this name."""

    def __init__(self) -> None:
        super().__init__("role", "There is no role of this name.")


@dataclass(frozen=True)
class Administration:
    """Changes by an administrator, who may be an API key.

    `known` are the permissions that routes require. All methods raise MissingPermissionError for
    rights that the administrator does not have.
    """

    accounts: "Accounts"
    database: Database
    principal: Principal
    known: frozenset[str]

    async def set_roles_of(self, user_id: object, names: Collection[str]) -> None:
        """Give a user these roles, and no others.

        Raises UnknownRoleError and LastAdministratorError.
        """
        async with self.change() as (transaction, roles):
            changed = {*names} ^ await self.accounts.roles.names_of(transaction, user_id)
            refuse_escalation(self.principal, permissions_of(changed, roles))
            if not changed:
                return
            await self.accounts.roles.replace(transaction, user_id, names)
            await self.accounts.sessions.end_all(transaction, user_id)
        logger.info("roles changed", extra={"user": str(user_id), "roles": sorted({*names})})

    async def set_role(self, name: str, permissions: Collection[str]) -> None:
        """Add a role or change its permissions.

        Raises UnknownPermissionError and LastAdministratorError.
        """
        refuse_unknown(permissions, self.known | {ALL})
        async with self.change() as (transaction, roles):
            changed = {*permissions} ^ roles.get(name, frozenset())
            refuse_escalation(self.principal, changed)
            await self.accounts.roles.store(transaction, name, permissions)
            if changed:
                await self.accounts.roles.end_sessions(transaction, name)
        names = sorted({*permissions})
        logger.info("role changed", extra={"role": name, "permissions": names})

    async def delete_role(self, name: str) -> None:
        """Delete a role. Raises RoleNotFoundError and LastAdministratorError."""
        async with self.change() as (transaction, roles):
            if name not in roles:
                raise RoleNotFoundError
            refuse_escalation(self.principal, roles[name])
            await self.accounts.roles.end_sessions(transaction, name)
            await self.accounts.roles.delete(transaction, name)
        logger.info("role deleted", extra={"role": name})

    async def end_sessions(self, user_id: object) -> None:
        """End all sessions of a user."""
        async with self.database.write_sessions.begin() as transaction:
            await self.accounts.sessions.end_all(transaction, user_id)
        self.accounts.cache.forget_user(user_id)
        logger.info("sessions ended", extra={"user": str(user_id)})

    async def turn_off_second_factor(self, user_id: object) -> bool:
        """Remove the second factor of a user, who has lost it; return whether there was one.

        It protects the permissions of the user, so the administrator needs all of them.
        """
        async with self.change() as (transaction, roles):
            names = await self.accounts.roles.names_of(transaction, user_id)
            refuse_escalation(self.principal, permissions_of(names, roles))
            was_on = await self.accounts.second_factor.turn_off(transaction, user_id)
            if was_on:
                await self.accounts.sessions.end_all(transaction, user_id)
        if was_on:
            logger.info("second factor removed", extra={"user": str(user_id)})
        return was_on

    async def remove_passkeys(self, user_id: object) -> bool:
        """Remove the passkeys of a user, who has lost them; return whether there were any.

        The administrator needs all permissions of the user, as for the second factor.
        """
        async with self.change() as (transaction, roles):
            names = await self.accounts.roles.names_of(transaction, user_id)
            refuse_escalation(self.principal, permissions_of(names, roles))
            # A passkey that a user signs in with now is removed before or afterwards.
            await self.accounts.lookup.lock(transaction, user_id)
            removed = await self.accounts.passkeys.remove_all(transaction, user_id)
            if removed:
                await self.accounts.sessions.end_all(transaction, user_id)
        if removed:
            logger.info("passkeys removed", extra={"user": str(user_id)})
        return removed

    @asynccontextmanager
    async def change(self) -> AsyncIterator[tuple[AsyncSession, RolePermissions]]:
        """Yield a transaction and the locked roles; verified clients are looked up afterwards.

        Raises LastAdministratorError, and changes nothing, if it leaves no administrator.
        """
        roles = self.accounts.roles
        async with self.database.write_sessions.begin() as transaction:
            locked = await roles.lock(transaction)
            had_administrator = await roles.has_administrator(transaction)
            yield transaction, locked
            if had_administrator and not await roles.has_administrator(transaction):
                raise LastAdministratorError
        self.accounts.cache.forget_all()
