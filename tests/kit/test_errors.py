from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Body, FastAPI, HTTPException
from httpx import AsyncClient
from sqlalchemy import URL, text
from starlette.middleware import Middleware

from app.db import ServiceDatabase
from tests.kit.databases import OUTAGES
from tests.kit.support import (
    allowed_client,
    error_locations,
    events,
    record_of_level,
    serve,
    settings_for,
)
from kit.testing import Log, assert_problem, client_of

ORIGIN = {"Origin": "https://example.com"}


def add_broken_route(app: FastAPI) -> None:
    @app.get("/broken/{key}")
    async def fail(key: str) -> None:
        raise RuntimeError(f"internal detail {key}")


async def test_unexpected_error_is_logged_and_not_told(
    own_app: FastAPI, own_client: AsyncClient, log: Log
) -> None:
    add_broken_route(own_app)
    response = await own_client.get("/broken/1")
    problem = assert_problem(response, 500)
    assert "internal detail" not in response.text
    error = record_of_level(log, "error")
    assert error["request_id"] == problem["request_id"]
    assert "RuntimeError: internal detail 1" in error["exception"]


async def test_invalid_request_is_answered_without_its_input(own_app: FastAPI) -> None:
    """It may be a password, or no valid text."""

    @own_app.post("/numbers")
    async def take(number: Annotated[int, Body(embed=True)]) -> int:
        return number

    async with client_of(own_app) as client:
        response = await client.post("/numbers", json={"number": "unspeakable"})
    problem = assert_problem(response, 422, "invalid-request")
    assert error_locations(problem) == [["body", "number"]]
    assert "unspeakable" not in response.text


async def test_middleware_raises_a_problem(own_app: FastAPI, own_client: AsyncClient) -> None:
    async def refuse(*_: object) -> None:
        raise HTTPException(401, {"detail": "Sign in.", "realm": "api"}, {"X-Realm": "api"})

    own_app.user_middleware.append(Middleware(lambda _app: refuse))
    response = await own_client.get("/users")
    problem = assert_problem(response, 401)
    assert (problem["detail"], problem["realm"]) == ("Sign in.", "api")
    assert response.headers["X-Realm"] == "api"


@pytest.mark.parametrize("outage", OUTAGES)
async def test_database_is_down(
    outage: Callable[[Path], AbstractContextManager[str]], tmp_path: Path, log: Log
) -> None:
    user = {"email": "ada@example.com", "name": "Ada"}
    with outage(tmp_path) as url:
        changes = {"connection_timeout": 0.3, "statement_timeout": 0.3, "ready_timeout": 0.1}
        settings = settings_for(url).model_copy(update=changes)
        async with serve(settings) as app, allowed_client(app) as client:
            for response in (await client.get("/users"), await client.post("/users", json=user)):
                assert_problem(response, 503, "database-unavailable")
                assert int(response.headers["Retry-After"]) > 0
    assert "the database did not serve a request" in events(log)


async def test_access_line(client: AsyncClient, log: Log) -> None:
    response = await client.delete("/users/0198c0de-0000-7000-8000-000000000000")
    line = log()[-1]
    assert line["logger"] == "kit.access"
    assert line["method"] == "DELETE"
    assert line["route"] == "/users/{user_id}"
    assert line["status"] == 404
    assert 0 < line["duration_ms"] < 10_000
    assert line["request_id"] == response.headers["X-Request-ID"]


async def test_request_id_of_a_proxy_is_kept_if_it_is_one(client: AsyncClient) -> None:
    for request_id in ("a-1.B_2", "a b", 'a"}', "x" * 65):
        response = await client.get("/health/live", headers={"X-Request-ID": request_id})
        is_kept = response.headers["X-Request-ID"] == request_id
        assert is_kept is (request_id == "a-1.B_2")


async def test_security_headers(client: AsyncClient) -> None:
    for path in ("/health/live", "/no-such-path"):
        headers = (await client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"


async def test_other_origins_are_shut_out(client: AsyncClient) -> None:
    response = await client.get("/health/live", headers=ORIGIN)
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_origin_in_the_settings_is_let_in(own_url: URL) -> None:
    changes = {"cors_origins": (ORIGIN["Origin"],)}
    async with serve(settings_for(own_url).model_copy(update=changes)) as app:
        add_broken_route(app)
        async with client_of(app) as client:
            for path, status in (("/health/live", 200), ("/no-such-path", 404), ("/broken/1", 500)):
                response = await client.get(path, headers=ORIGIN)
                assert response.status_code == status
                assert response.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
            response = await client.get("/health/live", headers={"Origin": "https://evil.example"})
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_refused_preflight_is_a_problem(own_url: URL) -> None:
    settings = settings_for(own_url).model_copy(update={"cors_origins": (ORIGIN["Origin"],)})
    async with serve(settings) as app, client_of(app) as client:
        asked = {"Access-Control-Request-Method": "GET"}
        allowed = await client.options("/users", headers=ORIGIN | asked)
        assert (allowed.status_code, allowed.text) == (200, "OK")
        refused = await client.options("/users", headers={"Origin": "https://evil.example"} | asked)
        problem = assert_problem(refused, 400)
        assert problem["detail"] == "Disallowed CORS origin"
        assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.parametrize("development", [True, False])
@pytest.mark.parametrize("statement", ["SELECT * FROM missing", "SELECT missing FROM users"])
async def test_database_lacks_what_the_code_uses(
    own_url: URL, log: Log, statement: str, *, development: bool
) -> None:
    settings = settings_for(own_url).model_copy(update={"development": development})
    async with serve(settings) as app, client_of(app) as client:

        @app.get("/outdated")
        async def read(database: ServiceDatabase) -> None:
            async with database.read_sessions() as session:
                await session.execute(text(statement))

        problem = assert_problem(await client.get("/outdated"), 500)
    assert ("make db-migrate" in problem["detail"]) is development
    error = record_of_level(log, "error")
    assert "make db-migrate" in error["event"]
    assert "missing" in error["exception"]
