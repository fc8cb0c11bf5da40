"""Roles: names of sets of permissions, which providers and administrators assign to users."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from kit._internal.auth.interface import Principal

# The characters of a scope (RFC 6749, 3.3), as headers and tokens name permissions.
PERMISSION = re.compile(r"[!#-\[\]-~]+")

Roles = Mapping[str, Collection[str]]


def check_permission(name: str) -> None:
    """Raise ValueError for a name that tokens and headers cannot have."""
    if not PERMISSION.fullmatch(name):
        raise ValueError(f"no permission such as users:read: {name!r}")


def check_roles(roles: Roles) -> Roles:
    """Return the roles; raise TypeError or ValueError for what is no set of permissions."""
    for role, permissions in roles.items():
        if isinstance(permissions, str):
            example = "{'users:read'}"
            raise TypeError(f"permissions of the role {role} are a set, such as {example}")
        for permission in permissions:
            check_permission(permission)
    return roles


def with_permissions_of(roles: Roles, principal: Principal) -> Principal:
    """Return the principal with the permissions of its roles, which are among its permissions."""
    added: set[str] = set()
    for name in principal.permissions & roles.keys():
        added.update(roles[name])
    if not added:
        return principal
    return replace(principal, permissions=principal.permissions | added)
