"""Applications of tests share what FastAPI finds out about endpoints."""

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts

from app.main import create_app
from kit.application import Service
from kit.testing import only


def routes_of(app: FastAPI) -> dict[tuple[str, str], Any]:
    """Return the routes of the service's own resource by path and method."""
    routes = {}
    for context in iter_route_contexts(app.routes):
        path = context.path or ""
        if path.startswith("/users"):
            routes[path, only(context.methods or ())] = context
    return routes


def test_applications_share_parameters_and_models(app: Service) -> None:
    """Fails when FastAPI no longer calls what kit._internal.testing.endpoints replaces."""
    other = routes_of(create_app(app.state.settings))
    routes = routes_of(app)
    assert routes.keys() == other.keys()
    created, created_by_other = routes["/users", "POST"], other["/users", "POST"]
    assert created.dependant is not created_by_other.dependant
    assert only(created.dependant.body_params) is only(created_by_other.dependant.body_params)
    assert created.response_field is created_by_other.response_field


def test_dependencies_of_routers_are_those_of_an_application(app: Service) -> None:
    before = {key: route.dependant.dependencies for key, route in routes_of(app).items()}
    other = routes_of(create_app(app.state.settings))
    for key, route in routes_of(app).items():
        assert route.dependant.dependencies == before[key]
        assert len(other[key].dependant.dependencies) == len(before[key])


def test_endpoints_of_a_test_are_not_kept() -> None:
    apps = []
    for _ in range(2):
        router = APIRouter()

        @router.get("/users")
        async def read(limit: int) -> dict[str, int]:
            return {"limit": limit}

        apps.append(FastAPI(routes=router.routes))
    first, second = [only(routes_of(app).values()) for app in apps]
    assert first.endpoint is not second.endpoint
    assert only(first.dependant.query_params) is not only(second.dependant.query_params)
