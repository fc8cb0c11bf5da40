"""Invitations by mail, with which an administrator gives a new user roles."""

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.columns import KEY
from kit._internal.auth.accounts.email_tokens import INVITATION, EmailToken, InvalidTokenError
from kit._internal.auth.accounts.escalation import refuse_escalation
from kit._internal.auth.accounts.permissions import granted_permissions, with_roles
from kit._internal.auth.accounts.roles import permissions_of
from kit._internal.auth.errors import MissingPermissionError
from kit._internal.auth.interface import Principal
from kit._internal.problems import ConflictError
from kit.db import Database

if TYPE_CHECKING:
    from kit._internal.auth.accounts.accounts import Accounts
    from kit._internal.auth.accounts.authenticator import SessionPrincipal

logger = logging.getLogger(__name__)

# What a user needs to invite others.
PERMISSION = "accounts:write"
MINUTE = 60


class Invitations:
    """Sends and accepts invitations, in a database."""

    def __init__(self, accounts: "Accounts", database: Database) -> None:
        self.accounts = accounts
        self.database = database

    async def send(
        self, inviter: "SessionPrincipal", email: str, name: str, roles: Collection[str]
    ) -> None:
        """Mail a link to create an account with these roles.

        Raises UnknownRoleError, MissingPermissionError if a role permits what the inviter may not,
        and ConflictError if there is an account with this address: administrators may know that.
        """
        known = {}
        for role in await self.accounts.roles.list_all(self.database):
            known[role["name"]] = frozenset(role["permissions"])
        refuse_escalation(inviter, permissions_of(roles, known))
        if await self.accounts.lookup.by_email(self.database, email) is not None:
            raise ConflictError("Another user has this e-mail address.", "email-taken")
        lifetime = self.accounts.settings.auth_invitation_lifetime
        token = await self.accounts.email_tokens.create(
            self.database,
            INVITATION,
            email,
            lifetime,
            user_id=inviter.user_id,
            details={"name": name, "roles": sorted({*roles})},
        )
        minutes = lifetime / MINUTE
        self.accounts.mailer.send("invitation", email, token=token, name=name, minutes=minutes)
        logger.info("user invited")

    async def accept(self, transaction: AsyncSession, token: EmailToken, user_id: object) -> None:
        """Give a new user the roles of an invitation that still exist.

        Raises InvalidTokenError if the user who has invited could not do so any more: otherwise
        an administrator could come back after losing the rights.
        """
        known = await self.accounts.roles.lock(transaction)
        names = sorted({*token.details["roles"]} & known.keys())
        needed = permissions_of(names, known) | {PERMISSION}
        rights = await transaction.execute(self.rights_of(token.user_id))
        granted = granted_permissions(rights.mappings().all())
        try:
            refuse_escalation(Principal(str(token.user_id), "user", granted), needed)
        except MissingPermissionError:
            raise InvalidTokenError from None
        for name in names:
            await self.accounts.roles.grant(transaction, user_id, name)

    def rights_of(self, user_id: object) -> Select[Any]:
        """Return a statement for the permissions of a user; no row if the user is not active."""
        tables = self.accounts.tables
        users = tables.users.columns
        return (
            select(tables.roles.columns["permissions"])
            .select_from(with_roles(tables.users, tables, users[KEY]))
            .where(users[KEY] == user_id, users["is_active"])
        )
