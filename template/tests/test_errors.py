from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI, HTTPException, WebSocket
from httpx import AsyncClient
from sqlalchemy import URL, text
from starlette.types import Message

from app.db import ReadDatabase
from app.errors import ProblemError, add_error_handlers, problem_responses
from app.main import create_app
from tests.databases import OUTAGES, SECRET, settings_for
from tests.serving import Log, assert_problem, client_of, serve

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
    [error] = [record for record in log() if record["level"] == "error"]
    assert error["request_id"] == problem["request_id"]
    assert "RuntimeError: internal detail 1" in error["exception"]


@pytest.mark.parametrize("outage", OUTAGES)
async def test_database_is_down(
    outage: Callable[[Path], AbstractContextManager[str]], tmp_path: Path, log: Log
) -> None:
    user = {"email": "ada@example.com", "name": "Ada"}
    with outage(tmp_path) as url:
        changes = {"connection_timeout": 0.3, "statement_timeout": 0.3, "ready_timeout": 0.1}
        settings = settings_for(url).model_copy(update=changes)
        async with serve(settings) as app, client_of(app) as client:
            for response in (await client.get("/users"), await client.post("/users", json=user)):
                assert_problem(response, 503, "database-unavailable")
                assert int(response.headers["Retry-After"]) > 0
    assert "the database did not serve a request" in [record["event"] for record in log()]
    assert SECRET not in str(log())


async def test_access_line(client: AsyncClient, log: Log) -> None:
    response = await client.delete("/users/0198c0de-0000-7000-8000-000000000000")
    line = log()[-1]
    assert line["logger"] == "app.access"
    assert line["method"] == "DELETE"
    assert line["route"] == "/users/{user_id}"
    assert line["status"] == 404
    assert 0 < line["duration_ms"] < 10_000
    assert line["request_id"] == response.headers["X-Request-ID"]


async def test_request_id_of_a_proxy_is_kept_if_it_is_one(client: AsyncClient) -> None:
    for given in ("a-1.B_2", "a b", 'a"}', "x" * 65):
        response = await client.get("/health/live", headers={"X-Request-ID": given})
        assert (response.headers["X-Request-ID"] == given) is (given == "a-1.B_2")


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


@pytest.fixture
def plain_app(shared_url: URL) -> FastAPI:
    """The service without a database."""
    return create_app(settings_for(shared_url))


@pytest.fixture
async def plain_client(plain_app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with client_of(plain_app) as client:
        yield client


def raising(app: FastAPI, error: Exception) -> str:
    """Add a route that raises an error; return its path."""

    async def fail() -> None:
        raise error

    path = f"/raising/{len(app.routes)}"
    app.get(path)(fail)
    return path


MOMENT, KEY = datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1)


@pytest.mark.parametrize(
    ("detail", "members"),
    [
        ("Tea only", {"detail": "Tea only"}),
        ("lone \ud800 surrogate", {"detail": "lone ? surrogate"}),
        (None, {"detail": "I'm a Teapot"}),
        (7, {"detail": "7"}),
        (True, {"detail": "true"}),
        (MOMENT, {"detail": "2026-01-01T00:00:00+00:00"}),
        ({}, {"detail": "I'm a Teapot"}),
        ({"code": "teapot"}, {"detail": "I'm a Teapot", "code": "teapot"}),
        ({"detail": "Tea only", "at": MOMENT, "key": KEY}, {"detail": "Tea only", "key": str(KEY)}),
        (
            {"raw": b"\xff", "part": float("nan"), 5: None},
            {"raw": "\ufffd", "part": None, "5": None},
        ),
        ({"title": "Teapot", "instance": "/pots/1"}, {"title": "Teapot", "instance": "/pots/1"}),
        ({"type": 5, "title": None, "detail": ["x"]}, {"detail": "I'm a Teapot"}),
        ({"status": 200, "request_id": "mine"}, {}),
        ({(1, 2): "no JSON"}, {"detail": "I'm a Teapot"}),
        (["tea", "pot"], {"detail": "I'm a Teapot", "details": ["tea", "pot"]}),
        (object(), {"detail": "I'm a Teapot"}),
    ],
)
async def test_detail_of_any_kind_becomes_a_problem(
    plain_app: FastAPI, plain_client: AsyncClient, detail: object, members: dict[str, Any]
) -> None:
    response = await plain_client.get(raising(plain_app, HTTPException(418, detail)))
    problem = assert_problem(response, 418)
    assert problem == problem | members
    assert isinstance(problem["title"], str)


async def test_type_of_an_exception_is_kept(plain_app: FastAPI, plain_client: AsyncClient) -> None:
    error = HTTPException(409, {"type": "urn:problem:out-of-tea"})
    response = await plain_client.get(raising(plain_app, error))
    assert_problem(response, 409, "out-of-tea")


@pytest.mark.parametrize(("status", "title"), [(499, "Client Error"), (599, "Server Error")])
async def test_status_without_a_name(
    plain_app: FastAPI, plain_client: AsyncClient, status: int, title: str
) -> None:
    for error in (HTTPException(status), ProblemError(status, "Closed.")):
        problem = assert_problem(await plain_client.get(raising(plain_app, error)), status)
        assert problem["title"] == title
    assert problem_responses(status)[status]["description"] == title


@pytest.mark.parametrize("status", [0, 100, 199, 600, 1000])
async def test_status_that_is_none_is_an_unexpected_error(
    plain_app: FastAPI, plain_client: AsyncClient, status: int
) -> None:
    response = await plain_client.get(raising(plain_app, HTTPException(status)))
    assert_problem(response, 500)


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_status_without_a_body(
    plain_app: FastAPI, plain_client: AsyncClient, status: int
) -> None:
    response = await plain_client.get(
        raising(plain_app, HTTPException(status, headers={"X-A": "b"}))
    )
    assert (response.status_code, response.content) == (status, b"")
    assert response.headers["X-A"] == "b"
    assert "Content-Type" not in response.headers


async def test_headers_of_an_exception_are_kept(
    plain_app: FastAPI, plain_client: AsyncClient
) -> None:
    headers = {"retry-after": "120", "WWW-Authenticate": "Bearer", "Content-Length": "1"}
    response = await plain_client.get(raising(plain_app, HTTPException(503, headers=headers)))
    assert_problem(response, 503)
    assert response.headers["Retry-After"] == "120"
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_further_members_of_a_problem(plain_app: FastAPI, plain_client: AsyncClient) -> None:
    error = ProblemError(403, "Too little.", "out-of-credit", {"balance": 30})
    problem = assert_problem(
        await plain_client.get(raising(plain_app, error)), 403, "out-of-credit"
    )
    assert problem["balance"] == 30


async def test_mounted_application(plain_app: FastAPI, plain_client: AsyncClient) -> None:
    sub = FastAPI()
    add_error_handlers(sub)
    plain_app.mount("/sub", sub)
    path = raising(sub, HTTPException(418, {"code": "teapot"}))
    assert assert_problem(await plain_client.get(f"/sub{path}"), 418)["code"] == "teapot"
    assert_problem(await plain_client.get("/sub/no-such-path"), 404)
    refused = await plain_client.post(f"/sub{path}")
    assert_problem(refused, 405)
    assert refused.headers["Allow"] == "GET, HEAD"


async def test_websocket_is_refused_as_before(plain_app: FastAPI) -> None:
    @plain_app.websocket("/socket")
    async def refuse(socket: WebSocket) -> None:
        raise HTTPException(403, {"code": "no"})

    messages: list[Message] = []
    empty: list[tuple[bytes, bytes]] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        messages.append(message)

    for path in ("/socket", "/no-such-socket"):
        scope = {"type": "websocket", "path": path, "query_string": b"", "headers": empty}
        await plain_app(scope, receive, send)
    refusal, *_, close = messages
    assert (refusal["type"], refusal["status"]) == ("websocket.http.response.start", 403)
    assert close["type"] == "websocket.close"


@pytest.mark.parametrize("development", [True, False])
@pytest.mark.parametrize("statement", ["SELECT * FROM missing", "SELECT missing FROM users"])
async def test_database_lacks_what_the_code_uses(
    own_url: URL, log: Log, statement: str, *, development: bool
) -> None:
    settings = settings_for(own_url).model_copy(update={"development": development})
    async with serve(settings) as app, client_of(app) as client:

        @app.get("/outdated")
        async def read(database: ReadDatabase) -> None:
            async with database.reading() as session:
                await session.execute(text(statement))

        problem = assert_problem(await client.get("/outdated"), 500)
    assert ("make db-migrate" in problem["detail"]) is development
    [error] = [record for record in log() if record["level"] == "error"]
    assert "make db-migrate" in error["event"]
    assert "missing" in error["exception"]
