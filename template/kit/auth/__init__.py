"""Who may call a route: a route says it by a dependency, of its own or of its router.

    app.include_router(users_router, dependencies=[require_for("users")])

    @router.get("/status", dependencies=[public])

    @router.post("/{user_id}/suspension")
    async def suspend(admin: Annotated[Principal, require("users:suspend")]) -> ...:

    @router.get("/me")
    async def read_me(principal: CurrentPrincipal) -> ...:

A service that authenticates its clients does not start if a route says nothing. Without
authentication, everyone may call every route.

    ProblemError
    |-- UnauthorizedError    401, with the header WWW-Authenticate
    `-- ForbiddenError       403, with the missing permissions
"""

from typing import Annotated, Any

from fastapi import Depends, Security
from starlette.types import ASGIApp

from kit._internal.auth.callers import current_principal
from kit._internal.auth.errors import UnauthorizedError
from kit._internal.auth.guards import Guard, GuardedApp, ResourceGuard, guard_of, public
from kit._internal.auth.interface import Principal
from kit._internal.problems import ForbiddenError

__all__ = [
    "CurrentPrincipal",
    "ForbiddenError",
    "Principal",
    "UnauthorizedError",
    "guard",
    "public",
    "require",
    "require_for",
]

# The client, in the signature of a route or a dependency. Everyone who is authenticated may call
# it; without authentication, the principal is anonymous.
CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


def require(*permissions: str) -> Any:  # noqa: ANN401
    """Return a dependency that requires all of these permissions.

    Use it in `dependencies=[...]`, or in `Annotated[Principal, require("users:write")]`. Without
    permissions, it requires an authenticated client.
    """
    return Security(Guard(permissions), scopes=permissions)


def require_for(resource: str) -> Any:  # noqa: ANN401
    """Return a dependency for all routes of a resource, such as "users".

    GET and HEAD require the permission users:read, other methods and WebSockets users:write.
    """
    return Depends(ResourceGuard(resource))


def guard(app: ASGIApp, dependency: Any) -> ASGIApp:  # noqa: ANN401
    """Return an application for app.mount() that only some clients reach.

    app.mount("/files", guard(StaticFiles(directory="files"), require("files:read")))
    """
    return GuardedApp(app, guard_of(dependency))
