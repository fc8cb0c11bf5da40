"""Roles, and which users have them: rows of two tables."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from kit._internal.auth.accounts.columns import KEY
from kit._internal.auth.accounts.permissions import ALL
from kit._internal.auth.accounts.tables import AccountTables
from kit._internal.problems import ProblemError
from kit.db import Database

# The permissions of each role.
RolePermissions = dict[str, frozenset[str]]


class UnknownRoleError(ProblemError):
    """422: there are no roles of these names."""

    def __init__(self, unknown: Collection[str]) -> None:
        names = sorted(unknown)
        detail = f"There is no role {', '.join(names)}."
        super().__init__(422, detail, "unknown-role", {"unknown": names})


def permissions_of(names: Iterable[str], roles: RolePermissions) -> frozenset[str]:
    """Return the permissions of these roles; raise UnknownRoleError if one does not exist."""
    unknown = {*names} - roles.keys()
    if unknown:
        raise UnknownRoleError(unknown)
    permissions: set[str] = set()
    for name in names:
        permissions |= roles[name]
    return frozenset(permissions)


class Roles:
    """Reads and changes roles."""

    def __init__(self, tables: AccountTables) -> None:
        self.tables = tables

    async def list_all(self, database: Database) -> list[dict[str, Any]]:
        """Return all roles by name, with their permissions."""
        columns = self.tables.roles.columns
        return await database.rows(select(*columns).order_by(columns["name"]))

    async def lock(self, transaction: AsyncSession) -> RolePermissions:
        """Return the permissions of all roles, after concurrent changes of roles have ended.

        On SQLite, a transaction that writes waits at its beginning.
        """
        columns = self.tables.roles.columns
        statement = select(columns["name"], columns["permissions"]).order_by(columns["name"])
        # Users may be given a role meanwhile: that needs only a share of its key.
        rows = await transaction.execute(statement.with_for_update(key_share=True))
        return {name: frozenset(permissions) for name, permissions in rows}

    async def names_of(self, transaction: AsyncSession, user_id: object) -> set[str]:
        """Return the names of a user's roles."""
        columns = self.tables.user_roles.columns
        statement = select(columns["role"]).where(columns["user_id"] == user_id)
        return {*await transaction.scalars(statement)}

    async def has_administrator(self, transaction: AsyncSession) -> bool:
        """Return whether an active user has a role with all permissions."""
        columns, users = self.tables.user_roles.columns, self.tables.users.columns
        names = []
        # The databases have different functions for JSON.
        for name, permissions in await transaction.execute(select(*self.tables.roles.columns)):
            if ALL in permissions:
                names.append(name)
        source = self.tables.user_roles.join(self.tables.users, users[KEY] == columns["user_id"])
        statement = select(columns["user_id"]).select_from(source)
        statement = statement.where(columns["role"].in_(names), users["is_active"]).limit(1)
        return await transaction.scalar(statement) is not None

    async def replace(
        self, transaction: AsyncSession, user_id: object, names: Collection[str]
    ) -> None:
        """Give a user these roles, and no others."""
        table = self.tables.user_roles
        others = table.columns["role"].not_in(names)
        await transaction.execute(delete(table).where(table.columns["user_id"] == user_id, others))
        for name in sorted({*names} - await self.names_of(transaction, user_id)):
            await self.grant(transaction, user_id, name)

    async def grant(self, transaction: AsyncSession, user_id: object, name: str) -> None:
        """Give a user another role."""
        values = {"user_id": user_id, "role": name}
        await transaction.execute(insert(self.tables.user_roles).values(values))

    async def store(
        self, transaction: AsyncSession, name: str, permissions: Collection[str]
    ) -> None:
        """Add a role, or change its permissions."""
        table = self.tables.roles
        values = {"permissions": sorted({*permissions})}
        statement = update(table).where(table.columns["name"] == name).values(values)
        if await transaction.scalar(statement.returning(table.columns["name"])) is None:
            await transaction.execute(insert(table).values(name=name, **values))

    async def delete(self, transaction: AsyncSession, name: str) -> None:
        """Delete a role; its users lose it."""
        table = self.tables.roles
        await transaction.execute(delete(table).where(table.columns["name"] == name))

    async def end_sessions(self, transaction: AsyncSession, name: str) -> None:
        """End the sessions of all users who have a role."""
        columns = self.tables.user_roles.columns
        users = select(columns["user_id"]).where(columns["role"] == name)
        sessions = self.tables.sessions
        await transaction.execute(delete(sessions).where(sessions.columns["user_id"].in_(users)))
