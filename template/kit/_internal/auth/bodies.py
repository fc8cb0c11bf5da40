"""Requests whose body cannot be read: who may not call a route learns that, and no more."""

from starlette.requests import Request

from kit._internal.auth.guards import Guard
from kit._internal.auth.routes import guards_below
from kit._internal.routing import find_route


async def run_guards(request: Request) -> None:
    """Raise UnauthorizedError or ForbiddenError if the client may not call the route.

    FastAPI reads the body of a request before it runs dependencies: guards have not run if that
    fails. Handlers of these errors call this.
    """
    dependant = getattr(find_route(request.scope), "dependant", None)
    if dependant is None:
        return
    for guard in guards_below(dependant):
        if isinstance(guard, Guard):
            await guard(request)
