"""Describes in OpenAPI who may call the routes of a service."""

from typing import TYPE_CHECKING, Any

from kit._internal.auth.interface import Authenticator
from kit._internal.auth.routes import ListedRoute, list_routes
from kit._internal.problems import problem_responses

if TYPE_CHECKING:
    from kit.application import Service


def with_security(document: dict[str, Any], service: "Service") -> dict[str, Any]:
    """Return an OpenAPI document with the ways to authenticate, and what each route requires."""
    authenticator = service.authenticator
    if authenticator is None:
        return document
    for route in list_routes(service):
        operation = document["paths"].get(route.path, {}).get(route.method.lower())
        if operation is not None and route.restrictions:
            add_security(operation, route, authenticator)
    components = document.setdefault("components", {})
    schemes = components.setdefault("securitySchemes", {})
    for name, scheme in authenticator.schemes.items():
        schemes[name] = dict(scheme)
    return document


def add_security(
    operation: dict[str, Any], route: ListedRoute, authenticator: Authenticator
) -> None:
    """Add the ways to authenticate, with the permissions, and the errors."""
    alternatives = operation.setdefault("security", [])
    for name in authenticator.schemes:
        alternatives.append({name: route.permissions})
    statuses = [401, 503]
    if route.permissions:
        statuses.append(403)
    for status, response in problem_responses(*statuses).items():
        operation["responses"].setdefault(str(status), response)
