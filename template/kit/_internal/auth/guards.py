"""Guards: dependencies with which a route states who may call it."""

from collections.abc import Sequence
from typing import Any

from fastapi import Depends, params
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from kit._internal.auth.callers import current_principal, service_of
from kit._internal.auth.errors import MissingPermissionError
from kit._internal.auth.interface import Principal
from kit._internal.auth.roles import check_permission

READING_METHODS = {"GET", "HEAD"}


class Guard:
    """Requires permissions, all of them; none if every authenticated client may call."""

    def __init__(self, permissions: Sequence[str]) -> None:
        for permission in permissions:
            check_permission(permission)
        self.permissions = tuple(permissions)

    def permissions_for(self, method: str) -> tuple[str, ...]:  # noqa: ARG002
        """Return the permissions that a method needs; a WebSocket has the method WEBSOCKET."""
        return self.permissions

    async def __call__(self, connection: HTTPConnection) -> Principal:
        """Return who calls; raise MissingPermissionError if a permission is missing."""
        principal = await current_principal(connection)
        if service_of(connection).authenticator is None:
            return principal
        needed = self.permissions_for(connection.scope.get("method", "WEBSOCKET"))
        missing = [name for name in needed if name not in principal.permissions]
        if missing:
            raise MissingPermissionError(missing)
        return principal


class ResourceGuard(Guard):
    """Requires `users:read` of methods that only read, `users:write` of all others."""

    def __init__(self, resource: str) -> None:
        super().__init__([f"{resource}:read", f"{resource}:write"])

    def permissions_for(self, method: str) -> tuple[str, ...]:
        reading, writing = self.permissions
        if method in READING_METHODS:
            return (reading,)
        return (writing,)


class Public:
    """Lets everyone through."""

    async def __call__(self) -> None:
        """Do nothing."""


class GuardedApp:
    """An ASGI application that only some clients reach."""

    def __init__(self, app: ASGIApp, guard: Guard | Public) -> None:
        self.app = app
        self.guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if isinstance(self.guard, Guard) and scope["type"] in {"http", "websocket"}:
            await self.guard(HTTPConnection(scope))
        await self.app(scope, receive, send)


def guard_of(dependency: Any) -> Guard | Public:  # noqa: ANN401
    """Return the guard of require(), require_for() or public."""
    if isinstance(dependency, params.Depends) and isinstance(dependency.dependency, Guard | Public):
        return dependency.dependency
    raise TypeError(f"no guard, expected require(...), require_for(...) or public: {dependency!r}")


# Everyone may call the route.
public = Depends(Public())
