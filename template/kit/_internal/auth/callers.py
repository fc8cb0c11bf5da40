"""Finds out who calls: once per request, for all guards of a route."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from starlette.requests import HTTPConnection
from structlog.contextvars import bind_contextvars

from kit._internal.auth.errors import UnauthorizedError
from kit._internal.auth.interface import Principal
from kit._internal.auth.roles import with_permissions_of

if TYPE_CHECKING:
    from kit.application import Service

# Where a scope has its Caller.
SCOPE_KEY = "caller"
# Every client of a service without authentication.
ANONYMOUS = Principal("anonymous", "anonymous")


@dataclass
class Caller:
    """What is known about the client of a request."""

    principal: Principal | None = None
    # Whether the answer depends on the client.
    checked: bool = False


def service_of(connection: HTTPConnection) -> "Service":
    """Return the service, also in an application that it mounts; raise RuntimeError if none."""
    service = connection.scope.get("service", connection.app)
    if not hasattr(service, "authenticator"):
        raise RuntimeError("guards of kit.auth work in a Service, and in what it mounts")
    return cast("Service", service)


def caller_of(connection: HTTPConnection) -> Caller:
    """Return what is known about the client of this request."""
    caller: Caller = connection.scope.setdefault(SCOPE_KEY, Caller())
    return caller


async def current_principal(connection: HTTPConnection) -> Principal:
    """Return who calls; raise UnauthorizedError for missing or invalid credentials.

    Without authentication, everyone is anonymous.
    """
    caller = caller_of(connection)
    authenticator = service_of(connection).authenticator
    if authenticator is not None:
        caller.checked = True
    if caller.principal is not None:
        return caller.principal
    if authenticator is None:
        return ANONYMOUS
    principal = await authenticator.authenticate(connection)
    if principal is None:
        # Without an error code: the client may not know that it has to authenticate (RFC 6750, 3).
        raise UnauthorizedError(
            "This needs credentials.", "missing-credentials", challenge="Bearer"
        )
    principal = with_permissions_of(service_of(connection).roles, principal)
    caller.principal = principal
    bind_contextvars(principal=principal.subject)
    return principal
