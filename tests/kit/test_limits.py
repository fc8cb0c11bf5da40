"""What one request may take: its body, its values, and the answer to what is wrong with it."""

import json
from collections.abc import AsyncIterator
from typing import cast

import pytest
from fastapi import APIRouter, FastAPI, Request
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.main import create_app
from tests.kit.support import error_locations, patient
from kit._internal.connections import Connection, ConnectionLimit
from kit._internal.limits import ValueCounter
from kit.testing import assert_problem, client_of

JSON = {"Content-Type": "application/json"}
LIMIT = 1_000_000


async def in_chunks(body: bytes, size: int = 10_000) -> AsyncIterator[bytes]:
    """Send a body without saying how long it is."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def without_end() -> AsyncIterator[bytes]:
    """Send twice the limit; what is sent first is more than has to be read."""
    for _ in range(2 * LIMIT // 10_000):
        yield b" " * 10_000
    raise AssertionError("more than the limit was read")


def add_uploads(app: FastAPI) -> None:
    router = APIRouter()

    @router.post("/uploads", max_body_size=3 * LIMIT)
    async def upload(request: Request) -> int:
        return len(await request.body())

    app.include_router(router)


async def test_declared_body_over_the_limit(client: AsyncClient) -> None:
    response = await client.post("/users", content=b" " * (LIMIT + 1), headers=JSON)
    problem = assert_problem(response, 413)
    assert problem["detail"] == "The body is larger than 1000000 bytes."
    assert response.headers["Connection"] == "close"


async def test_body_of_the_limit_is_read(client: AsyncClient) -> None:
    user = b'{"email": "ada@example.com", "name": "Ada"}'
    response = await client.post("/users", content=user.ljust(LIMIT), headers=JSON)
    assert response.status_code == 201


async def test_body_of_a_method_that_should_have_none(
    own_app: FastAPI, own_client: AsyncClient
) -> None:
    @own_app.get("/echo")
    async def count(request: Request) -> int:
        return len(await request.body())

    for body in (b"x" * (LIMIT + 1), without_end()):
        assert_problem(await own_client.request("GET", "/echo", content=body), 413)
    assert (await own_client.get("/echo")).json() == 0


async def test_body_without_end_is_cut(client: AsyncClient) -> None:
    assert_problem(await client.post("/users", content=without_end(), headers=JSON), 413)


async def test_route_with_a_limit_of_its_own(own_app: FastAPI, own_client: AsyncClient) -> None:
    add_uploads(own_app)
    for body in (b"x" * 2 * LIMIT, in_chunks(b"x" * 2 * LIMIT)):
        assert (await own_client.post("/uploads", content=body)).json() == 2 * LIMIT
    for body in (b"x" * 4 * LIMIT, in_chunks(b"x" * 4 * LIMIT)):
        problem = assert_problem(await own_client.post("/uploads", content=body), 413)
        assert problem["detail"] == "The body is larger than 3000000 bytes."


class ReadingMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive, send).body()
        raise AssertionError


async def test_middleware_that_reads_the_body(own_app: FastAPI, own_client: AsyncClient) -> None:
    own_app.user_middleware.append(Middleware(ReadingMiddleware))
    for body in (b" " * (LIMIT + 1), without_end()):
        assert_problem(await own_client.post("/users", content=body, headers=JSON), 413)


@pytest.mark.parametrize("chunked", [False, True])
async def test_fields_of_a_form_are_counted_before_they_are_parsed(
    own_app: FastAPI, own_client: AsyncClient, *, chunked: bool
) -> None:
    @own_app.post("/form")
    async def count(request: Request) -> int:
        return len(await request.body())

    for type_, body, status in (
        ("application/x-www-form-urlencoded", b"&" * 11_000, 413),
        ("application/x-www-form-urlencoded", b"a=1&" * 9_000, 200),
        ("text/plain", b"&" * 11_000, 200),
    ):
        content = in_chunks(body) if chunked else body
        response = await own_client.post("/form", content=content, headers={"Content-Type": type_})
        assert response.status_code == status, response.text


async def test_limit_is_a_setting(own_app: FastAPI) -> None:
    settings = own_app.state.settings.model_copy(update={"max_body_size": 10})
    async with client_of(create_app(settings)) as client:
        assert_problem(await client.post("/users", content=b" " * 11, headers=JSON), 413)


@pytest.mark.parametrize("chunked", [False, True])
async def test_values_are_counted_before_they_are_validated(
    client: AsyncClient, *, chunked: bool
) -> None:
    """Each unknown field would become an object, then an error."""
    body = json.dumps(dict.fromkeys(map(str, range(11_000)))).encode()
    content = in_chunks(body) if chunked else body
    problem = assert_problem(await client.post("/users", content=content, headers=JSON), 413)
    assert problem["detail"] == "The body has more than 10000 values."


@pytest.mark.parametrize("chunked", [False, True])
async def test_text_with_commas_is_one_value(client: AsyncClient, *, chunked: bool) -> None:
    body = json.dumps({"email": "ada@example.com", "name": '\\",' * 100_000}).encode()
    content = in_chunks(body) if chunked else body
    problem = assert_problem(
        await client.post("/users", content=content, headers=JSON), 422, "invalid-request"
    )
    assert [error["code"] for error in problem["errors"]] == ["string_too_long"]


values = st.recursive(
    st.none() | st.text(alphabet=',"\\a\n'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet=',"\\'), inner),
    max_leaves=20,
)


def commas(value: object) -> int:
    """Return how many commas the JSON text of a value has between its values."""
    if isinstance(value, list):
        return max(0, len(value) - 1) + sum(map(commas, value))
    if isinstance(value, dict):
        return max(0, len(value) - 1) + sum(map(commas, value.values()))
    return 0


@patient
@given(values, st.integers(min_value=1, max_value=9))
def test_commas_are_counted_whatever_the_chunks(value: object, size: int) -> None:
    body = json.dumps(value).encode()
    counter = ValueCounter()
    for start in range(0, len(body), size):
        counter.feed(body[start : start + size])
    assert counter.count == commas(value)


async def test_few_errors_are_all_listed(client: AsyncClient) -> None:
    response = await client.post("/users", json={"email": "ada@example.com"})
    problem = assert_problem(response, 422, "invalid-request")
    assert error_locations(problem) == [["body", "name"]]
    assert "error_count" not in problem


async def test_many_errors_are_counted(client: AsyncClient) -> None:
    response = await client.post("/users", json=dict.fromkeys(map(str, range(1_000)), 1))
    problem = assert_problem(response, 422, "invalid-request")
    assert len(problem["errors"]) == 20
    assert problem["error_count"] == 1_002


async def test_errors_are_short_whatever_was_sent(client: AsyncClient) -> None:
    body = json.dumps({"k" * 500_000: 1, "\ud800": 1}).encode()
    response = await client.post("/users", content=body, headers=JSON)
    assert_problem(response, 422, "invalid-request")
    assert len(response.content) < 2_000


class Client(Connection):
    def __init__(self, connections: set[object], since: float | None) -> None:
        self.connections = connections
        self.since = since
        connections.add(self)

    def waits_for_client(self) -> bool:
        return self.since is not None

    def waiting_since(self) -> float:
        return cast("float", self.since)

    def evict(self) -> None:
        self.connections.remove(self)


def test_room_is_made_by_those_who_wait_longest() -> None:
    connections: set[object] = {object()}
    busy = Client(connections, None)
    slow = [Client(connections, since) for since in (3.0, 1.0, 2.0)]
    ConnectionLimit(6).make_room(connections)
    assert len(connections) == 5
    ConnectionLimit(5).make_room(connections)
    assert connections.isdisjoint({slow[1]})
    assert connections.issuperset({busy, slow[0], slow[2]})


def test_busy_connections_stay() -> None:
    connections: set[object] = set()
    busy = {Client(connections, None), Client(connections, None)}
    ConnectionLimit(1).make_room(connections)
    assert connections == busy
