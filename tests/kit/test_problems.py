from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI, HTTPException, WebSocket
from httpx import AsyncClient
from sqlalchemy import URL
from starlette.types import Message

from app.main import create_app
from tests.kit.support import settings_for
from kit.errors import ProblemError, add_error_handlers, problem_responses
from kit.testing import assert_problem, client_of


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
    error = ProblemError(403, "Too little.", "out-of-credit", {"balance": 30, "key": KEY})
    problem = assert_problem(
        await plain_client.get(raising(plain_app, error)), 403, "out-of-credit"
    )
    assert (problem["balance"], problem["key"]) == (30, str(KEY))


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
