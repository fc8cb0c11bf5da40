"""Keys that are refused, and requests that fail: these do not use their key."""

import asyncio

import pytest
from httpx import AsyncClient
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from tests.kit.notes import checked_out
from tests.kit.repeatable import Waiting, keys, post, titles, with_orders
from kit.application import Service
from kit.db import Database
from kit.testing import assert_problem


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
async def app(own_app: Service, waiting: Waiting) -> Service:
    """Return the service with the routes of orders."""
    return await with_orders(own_app, waiting)


@pytest.fixture
def database(app: Service) -> Database:
    opened: Database = app.state.database
    return opened


@pytest.fixture
def orders(app: Service, own_client: AsyncClient) -> AsyncClient:
    return own_client


@pytest.mark.parametrize(
    "key",
    [
        "",
        '""',
        pytest.param("x" * 256, id="too long"),
        pytest.param(f'"{"x" * 256}"', id="too long in quotes"),
        "a,b",
        "a b",
        "a;b",
        '"a',
        'a"b',
        '"a\\b"',
        "a\tb",
        '"\xe9"',
    ],
)
async def test_invalid_key_is_refused(orders: AsyncClient, database: Database, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    response = await orders.post("/orders", json={"title": "a"}, headers=headers)
    assert_problem(response, 400, "idempotency-key-invalid")
    assert await titles(database) == []


async def test_longest_key_is_accepted(orders: AsyncClient) -> None:
    assert (await post(orders, key="x" * 255)).status_code == 201


async def test_header_is_sent_once(orders: AsyncClient, database: Database) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    response = await orders.post("/orders", json={"title": "a"}, headers=headers)
    assert_problem(response, 400, "idempotency-key-invalid")
    assert await titles(database) == []


async def test_key_of_another_body_or_query_is_refused(
    orders: AsyncClient, database: Database
) -> None:
    await post(orders)
    assert_problem(await post(orders, title="b"), 422, "idempotency-key-reused")
    assert_problem(await post(orders, "?dry=1"), 422, "idempotency-key-reused")
    assert await titles(database) == ["a"]


async def test_invalid_request_does_not_use_the_key(
    orders: AsyncClient, database: Database
) -> None:
    assert_problem(await post(orders, title=1), 422, "invalid-request")
    assert (await post(orders)).status_code == 201
    assert await titles(database) == ["a"]


async def test_conflict_does_not_use_the_key(orders: AsyncClient, database: Database) -> None:
    await post(orders, key="other", number="7")
    assert_problem(await post(orders, number="7"), 409, "number-taken")
    assert len(await keys(database)) == 1
    assert (await post(orders, number="8")).status_code == 201


@pytest.mark.parametrize("path", ["/broken", "/unanswered"])
async def test_failed_request_leaves_nothing(
    app: Service, orders: AsyncClient, database: Database, path: str
) -> None:
    for _ in range(2):
        assert_problem(await post(orders, path), 500)
    assert await titles(database) == []
    assert await keys(database) == []
    assert checked_out(app) == 0


async def test_failed_commit_leaves_nothing(
    app: Service, orders: AsyncClient, database: Database
) -> None:
    @event.listens_for(database.write_engine.sync_engine, "commit", once=True)
    def fail(_connection: Connection) -> None:
        raise OperationalError("COMMIT", None, ConnectionError("lost"))

    assert (await post(orders)).is_server_error
    assert await titles(database) == []
    assert checked_out(app) == 0
    assert (await post(orders)).status_code == 201
    assert await titles(database) == ["a"]


async def test_cancelled_request_can_be_repeated(
    app: Service, orders: AsyncClient, database: Database, waiting: Waiting
) -> None:
    request = asyncio.create_task(post(orders, "/slow"))
    await asyncio.wait_for(waiting.reached.wait(), 30)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert checked_out(app) == 0
    assert await titles(database) == []
    waiting.over.set()
    assert (await post(orders, "/slow")).status_code == 201
    assert await titles(database) == ["a"]


async def test_failed_statement_undoes_only_itself(orders: AsyncClient, database: Database) -> None:
    await post(orders, number="7")
    assert (await post(orders, "/again", number="7")).status_code == 201
    assert await titles(database) == ["a", "with another number"]
