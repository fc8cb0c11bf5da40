"""Bodies that cannot be read: FastAPI reads them before it runs the guards of a route."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from httpx import AsyncClient

from tests.auth.support import KnownTokens, bearer
from kit.application import Service
from kit.auth import CurrentPrincipal, public, require, require_for
from kit.errors import add_error_handlers
from kit.testing import assert_problem, client_of

GUARDED = ["/router", "/own", "/me", "/nested", "/inner/own"]
JSON = {"Content-Type": "application/json"}


async def take(body: dict[str, Any]) -> int:
    return len(body)


async def take_as(body: dict[str, Any], principal: CurrentPrincipal) -> str:
    return principal.subject


def own_guard(principal: CurrentPrincipal) -> None:
    """A guard of a service, on top of CurrentPrincipal."""


@pytest.fixture
async def anyone(app: Service) -> AsyncIterator[AsyncClient]:
    app.authenticator = KnownTokens()
    router = APIRouter(prefix="/router")
    router.post("")(take)
    app.include_router(router, dependencies=[require_for("notes")])
    app.post("/own", dependencies=[require("notes:write")])(take)
    app.post("/me")(take_as)
    app.post("/nested", dependencies=[Depends(own_guard)])(take)
    app.post("/open", dependencies=[public])(take)
    inner = FastAPI()
    add_error_handlers(inner)
    inner.post("/own", dependencies=[require("notes:write")])(take)
    app.mount("/inner", inner)
    async with client_of(app) as client:
        yield client


@pytest.mark.parametrize("path", GUARDED)
async def test_malformed_json_without_credentials_is_401(anyone: AsyncClient, path: str) -> None:
    response = await anyone.post(path, content=b"{", headers=JSON)
    assert_problem(response, 401, "missing-credentials")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.headers["Vary"] == "Authorization"


@pytest.mark.parametrize("path", GUARDED)
async def test_undecodable_json_without_credentials_is_401(anyone: AsyncClient, path: str) -> None:
    response = await anyone.post(path, content=b'"\xff"', headers=JSON)
    assert_problem(response, 401, "missing-credentials")


@pytest.mark.parametrize("path", ["/router", "/own", "/inner/own"])
async def test_malformed_json_without_the_permission_is_403(anyone: AsyncClient, path: str) -> None:
    response = await anyone.post(path, content=b"{", headers=JSON | bearer("reader"))
    assert_problem(response, 403, "missing-permission")


@pytest.mark.parametrize("path", GUARDED)
async def test_malformed_json_of_a_client_that_may_call_is_422(
    anyone: AsyncClient, path: str
) -> None:
    response = await anyone.post(path, content=b"{", headers=JSON | bearer("writer"))
    assert_problem(response, 422, "invalid-request")


async def test_undecodable_json_of_a_client_that_may_call_is_400(anyone: AsyncClient) -> None:
    response = await anyone.post("/own", content=b'"\xff"', headers=JSON | bearer("writer"))
    assert_problem(response, 400)


async def test_malformed_json_for_a_public_route_is_422(anyone: AsyncClient) -> None:
    assert_problem(await anyone.post("/open", content=b"{", headers=JSON), 422, "invalid-request")
