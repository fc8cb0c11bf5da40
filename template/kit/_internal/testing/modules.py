"""Imports all modules of a service, and lists the routes that they declare and serve."""

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from starlette.routing import BaseRoute, Host, Mount

Endpoint = Callable[..., Any]
Route = APIRoute | APIWebSocketRoute


def import_all(package: str) -> None:
    """Import every module of a package except `__main__`, with all models and routers."""
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        return
    for location in spec.submodule_search_locations:
        folder = Path(location)
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder.parent).with_suffix("").parts
            if parts[-1] != "__main__" and all(part.isidentifier() for part in parts):
                import_module(".".join(parts).removesuffix(".__init__"))


def declared_routes(package: str) -> Iterator[tuple[str, Route]]:
    """Yield module and route for all routers in the imported modules of a package."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != package:
            continue
        for router in vars(module).values():
            if isinstance(router, APIRouter):
                for route in router.routes:
                    if isinstance(route, Route):
                        yield name, route


def served_endpoints(routes: Sequence[BaseRoute]) -> set[Endpoint]:
    """Return the functions of all routes, including those of mounted applications."""
    endpoints = set()
    for context in iter_route_contexts(routes):
        route = context.original_route
        if isinstance(route, Mount | Host):
            endpoints |= served_endpoints(mounted_routes(route.app))
        elif isinstance(route, Route):
            endpoints.add(route.endpoint)
    return endpoints


def mounted_routes(app: Any) -> Sequence[BaseRoute]:  # noqa: ANN401
    """Return the routes of an application, which may be wrapped in middleware."""
    while not hasattr(app, "routes"):
        if not hasattr(app, "app"):
            return []
        app = app.app
    routes: Sequence[BaseRoute] = app.routes
    return routes
