"""Nobody grants, or takes away, a permission that he does not have himself."""

from collections.abc import Collection

from kit._internal.auth.accounts.permissions import ALL
from kit._internal.auth.errors import MissingPermissionError
from kit._internal.auth.interface import Principal
from kit._internal.problems import ProblemError


class UnknownPermissionError(ProblemError):
    """422: no route requires these permissions, which are probably misspelled."""

    def __init__(self, unknown: Collection[str]) -> None:
        names = sorted(unknown)
        detail = f"No route requires {', '.join(names)}."
        super().__init__(422, detail, "unknown-permission", {"unknown": names})


def refuse_escalation(principal: Principal, permissions: Collection[str]) -> None:
    """Raise MissingPermissionError unless the principal has all these permissions.

    With `*`, the principal has also those that routes required in an earlier release.
    """
    if ALL in principal.permissions:
        return
    missing = sorted({*permissions} - principal.permissions)
    if missing:
        raise MissingPermissionError(missing)


def refuse_unknown(permissions: Collection[str], known: Collection[str]) -> None:
    """Raise UnknownPermissionError for permissions that are not known."""
    unknown = {*permissions} - {*known}
    if unknown:
        raise UnknownPermissionError(unknown)
