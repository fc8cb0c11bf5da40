"""Why a service must not start: missing settings, routes that do not say who may call them."""

from typing import TYPE_CHECKING

from kit._internal.auth.guards import READING_METHODS
from kit._internal.auth.routes import ANY, MOUNT, ListedRoute, list_routes
from kit.settings import prefix_of

if TYPE_CHECKING:
    from kit.application import Service


class StartError(RuntimeError):
    """The service must not start; the message has a line for each reason."""


def reasons_not_to_start(service: "Service") -> list[str]:
    """Return a line for each reason; none if the service may start."""
    authenticator = service.authenticator
    if authenticator is None:
        return []
    prefix = prefix_of(type(service.state.settings))
    reasons = []
    for name in authenticator.missing_settings():
        variable = f"{prefix}{name.upper()}"
        reasons.append(f"{variable}: is not set; set it in the environment or in .env")
    return [*reasons, *authenticator.other_reasons(service), *describe_open_routes(service)]


def describe_open_routes(service: "Service") -> list[str]:
    """Return lines that name the routes that do not say who may call them, with what to add."""
    if service.authenticator is None:
        return []
    routes = [route for route in list_routes(service) if not route.is_stated]
    if not routes:
        return []
    resource = resource_of(routes[0].path)
    return [
        "these routes do not say who may call them; add to each:",
        *(f"  {describe(route)}: {addition(route)}" for route in routes),
        f'or to app.include_router(), for all: dependencies=[require_for("{resource}")]',
        "or dependencies=[public], if everyone may call them",
        "from kit.auth import public, require, require_for",
    ]


def describe(route: ListedRoute) -> str:
    """Return the location of a route, if known, its method and its path."""
    return f"{route.location} {route.method} {route.path}".lstrip()


def addition(route: ListedRoute) -> str:
    """Return what to add to a route, such as dependencies=[require("users:read")]."""
    action = "write"
    if route.method in {*READING_METHODS, MOUNT, ANY}:
        action = "read"
    requirement = f'require("{resource_of(route.path)}:{action}")'
    if route.method in {MOUNT, ANY}:
        return f"guard(..., {requirement}) around its application"
    return f"dependencies=[{requirement}]"


def resource_of(path: str) -> str:
    """Return the last part of a path that is no parameter, such as users of /users/{user_id}."""
    names = [part for part in path.split("/") if part and "{" not in part]
    if not names:
        return "service"
    return names[-1]
