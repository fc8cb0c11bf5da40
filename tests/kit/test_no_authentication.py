"""A service without authentication: guards let everyone through, and nothing else changes."""

from typing import Any

from httpx import AsyncClient

from kit.application import Service
from kit.auth import CurrentPrincipal, require
from kit.testing import ClientAs, client_of
from kit.testing.checks import operations


def add_guarded_route(app: Service) -> None:
    @app.get("/guarded", dependencies=[require("notes:read")])
    async def read_subject(principal: CurrentPrincipal) -> str:
        return principal.subject


async def test_guards_let_everyone_through(app: Service) -> None:
    add_guarded_route(app)
    async with client_of(app) as anyone:
        response = await anyone.get("/guarded")
    assert response.json() == "anonymous"
    assert "Vary" not in response.headers


async def test_tests_may_call_as_a_principal(app: Service, client_as: ClientAs) -> None:
    add_guarded_route(app)
    response = await client_as(subject="ada").get("/guarded")
    assert response.json() == "ada"


async def test_credentials_are_not_read(app: Service) -> None:
    add_guarded_route(app)
    async with client_of(app) as anyone:
        response = await anyone.get("/guarded", headers={"Authorization": "Bearer stolen"})
    assert response.json() == "anonymous"


def test_description_requires_nothing(app: Service) -> None:
    add_guarded_route(app)
    described: dict[str, Any] = dict(operations(app))
    assert "security" not in described["GET /guarded"]
    assert "401" not in described["GET /guarded"]["responses"]
    assert "securitySchemes" not in app.openapi()["components"]


async def test_routes_need_not_say_who_may_call_them(app: Service, client: AsyncClient) -> None:
    assert app.authenticator is None
    assert app.reasons_not_to_start() == []
    assert (await client.get("/users")).status_code == 200
