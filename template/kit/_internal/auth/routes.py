"""Lists the routes of an application, with their guards."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Host, Mount, WebSocketRoute

from kit._internal.auth.callers import current_principal
from kit._internal.auth.guards import Guard, GuardedApp, Public
from kit.project import PROJECT_DIR

# The "methods" of a WebSocket, of an application without routes, such as StaticFiles, and of a
# route that leaves them to its endpoint.
WEBSOCKET = "WEBSOCKET"
MOUNT = "MOUNT"
ANY = "ANY"
# FastAPI's own routes, such as /openapi.json, and those of kit.
BUILT_IN_MODULES = {"fastapi", "kit"}
# CurrentPrincipal requires a client, but no permission.
ANY_PRINCIPAL = Guard([])

Guards = tuple[Guard | Public, ...]


@dataclass(frozen=True)
class ListedRoute:
    """A route for one method, and who may call it."""

    method: str
    path: str
    name: str
    endpoint: Any
    guards: Guards

    @property
    def is_built_in(self) -> bool:
        """Whether it belongs to kit or FastAPI, which decide who may call it."""
        module = getattr(inspect.unwrap(self.endpoint), "__module__", None) or ""
        return module.partition(".")[0] in BUILT_IN_MODULES and not self.guards

    @property
    def is_stated(self) -> bool:
        """Whether it says who may call it."""
        return bool(self.guards) or self.is_built_in

    @property
    def restrictions(self) -> list[Guard]:
        """The guards that do not let everyone through."""
        return [guard for guard in self.guards if isinstance(guard, Guard)]

    @property
    def permissions(self) -> list[str]:
        """The permissions that it requires."""
        names: dict[str, None] = {}
        for guard in self.restrictions:
            names.update(dict.fromkeys(guard.permissions_for(self.method)))
        return list(names)

    @property
    def allowed(self) -> str:
        """Who may call it, in a few words."""
        if self.restrictions:
            return " ".join(self.permissions) or "authenticated"
        if self.is_stated:
            return "public"
        return "not stated"

    @property
    def location(self) -> str:
        """The file and the line of its function; empty if it has none."""
        code = getattr(inspect.unwrap(self.endpoint), "__code__", None)
        if code is None:
            return ""
        file = Path(code.co_filename)
        if file.is_relative_to(PROJECT_DIR):
            file = file.relative_to(PROJECT_DIR)
        return f"{file}:{code.co_firstlineno}"


def list_routes(app: FastAPI) -> list[ListedRoute]:
    """Return the routes of an application, of its routers and of what it mounts."""
    return list(walk(app.routes, "", ()))


def required_permissions(app: FastAPI) -> frozenset[str]:
    """Return all permissions that routes of an application require."""
    names: set[str] = set()
    for route in list_routes(app):
        names.update(route.permissions)
    return frozenset(names)


def walk(routes: Sequence[BaseRoute], prefix: str, guards: Guards) -> Iterator[ListedRoute]:
    """Yield the routes below a path, all of which have these guards."""
    for context in iter_route_contexts(routes):
        path = f"{prefix}{context.path or ''}"
        if isinstance(context.original_route, Mount | Host):
            yield from walk_mounted(context, path, guards)
            continue
        endpoint = context.endpoint
        all_guards = (*guards, *guards_of(context))
        for method in methods_of(context):
            yield ListedRoute(method, path or "/", context.name or "", endpoint, all_guards)


def walk_mounted(context: RouteContext, path: str, guards: Guards) -> Iterator[ListedRoute]:
    """Yield the routes of a mounted application, or the application itself if it has none."""
    app = context.app
    while not hasattr(app, "routes"):
        if isinstance(app, GuardedApp):
            guards = (*guards, app.guard)
        if not hasattr(app, "app"):
            yield ListedRoute(MOUNT, path, context.name or "", app, guards)
            return
        app = app.app
    yield from walk(app.routes, path, guards)


def methods_of(context: RouteContext) -> list[str]:
    """Return the methods of a route; HEAD of Starlette's routes belongs to GET."""
    if isinstance(context.original_route, WebSocketRoute):
        return [WEBSOCKET]
    methods = set(context.methods or {ANY})
    if "GET" in methods:
        methods.discard("HEAD")
    return sorted(methods)


def guards_of(context: RouteContext) -> Guards:
    """Return the guards of a route, of its routers and of its dependencies."""
    if isinstance(context.endpoint, GuardedApp):
        return (context.endpoint.guard,)
    dependant = getattr(context, "dependant", None)
    if dependant is None:
        return ()
    return tuple(guards_below(dependant))


def guards_below(dependant: Dependant) -> Iterator[Guard | Public]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Guard | Public):
            yield dependency.call
        if dependency.call is current_principal:
            yield ANY_PRINCIPAL
        yield from guards_below(dependency)
