"""The permissions of a user: those of the user's roles, which are rows."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, FromClause

from kit._internal.auth.accounts.tables import AccountTables

# In a role, stands for all permissions that routes of the service require.
ALL = "*"


def with_roles(source: FromClause, tables: AccountTables, user_id: Column[Any]) -> FromClause:
    """Return a join that adds the roles of a user, if any, to a table."""
    columns = tables.user_roles.columns
    joined = source.outerjoin(tables.user_roles, columns["user_id"] == user_id)
    return joined.outerjoin(tables.roles, tables.roles.columns["name"] == columns["role"])


def granted_permissions(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the permissions of all rows of a join with_roles()."""
    names: set[str] = set()
    for row in rows:
        names.update(row["permissions"] or ())
    return frozenset(names)


def expand(permissions: frozenset[str], known: frozenset[str]) -> frozenset[str]:
    """Return the permissions; all that routes require instead of `*`."""
    if ALL in permissions:
        return permissions | known
    return permissions
