"""Repeated requests: with the same Idempotency-Key they get the same answer, and do nothing."""

import asyncio
from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import update

from tests.kit.notes import checked_out
from tests.kit.repeatable import KEY, Key, keys, post, titles, with_orders
from kit.application import Service
from kit.auth import Principal
from kit.db import Database
from kit.idempotency import delete_expired_keys
from kit.models import utc_now
from kit.testing import assert_problem, client_of, only


@pytest.fixture
async def app(own_app: Service) -> Service:
    """Return the service with the routes of orders."""
    return await with_orders(own_app)


@pytest.fixture
def database(app: Service) -> Database:
    opened: Database = app.state.database
    return opened


@pytest.fixture
def orders(app: Service, own_client: AsyncClient) -> AsyncClient:
    return own_client


async def expire(database: Database) -> None:
    """Let the stored answers have expired."""
    await database.rows(update(Key).values(expires_at=utc_now() - timedelta(seconds=1)))


async def test_repeated_request_gets_the_same_answer(
    orders: AsyncClient, database: Database
) -> None:
    first, second = await post(orders), await post(orders)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    for name in ("Content-Type", "ETag", "Location"):
        assert second.headers[name] == first.headers[name]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert await titles(database) == ["a"]


async def test_request_without_a_key_is_not_compared(
    orders: AsyncClient, database: Database
) -> None:
    for _ in range(2):
        assert (await orders.post("/orders", json={"title": "a"})).status_code == 201
    assert await titles(database) == ["a", "a"]
    assert await keys(database) == []


async def test_cookies_and_keys_are_not_stored(orders: AsyncClient, database: Database) -> None:
    assert "Set-Cookie" in (await post(orders)).headers
    assert "Set-Cookie" not in (await post(orders)).headers
    stored = repr(only(await keys(database)))
    assert "secret" not in stored
    assert KEY not in stored


async def test_quotes_of_the_draft_may_be_left_out(orders: AsyncClient, database: Database) -> None:
    await post(orders, key=f'"{KEY}"')
    assert "Idempotent-Replayed" in (await post(orders)).headers
    await post(orders, key=r'"a \"b\" \\"')
    assert await titles(database) == ["a", "a"]


async def test_other_methods_and_paths_have_keys_of_their_own(
    orders: AsyncClient, database: Database
) -> None:
    await post(orders)
    await post(orders, "/accepted")
    headers = {"Idempotency-Key": KEY}
    await orders.put("/orders", json={"title": "a"}, headers=headers)
    assert await titles(database) == ["a", "a", "a"]


async def test_other_clients_have_keys_of_their_own(app: Service, database: Database) -> None:
    for subject in ("ada", "bob", "ada"):
        async with client_of(app, Principal(subject, "user")) as client:
            assert (await post(client, title="b")).status_code == 201
    assert await titles(database) == ["b", "b"]


async def test_subset_of_rows_is_in_the_transaction(
    orders: AsyncClient, database: Database
) -> None:
    for _ in range(2):
        assert (await post(orders, "/titled/b")).json()["title"] == "b"
    assert await titles(database) == ["b"]


async def test_status_that_the_route_sets_is_repeated(orders: AsyncClient) -> None:
    for _ in range(2):
        response = await post(orders, "/accepted")
        assert (response.status_code, response.json()) == (202, {"title": "a"})


async def test_answer_without_a_body_is_repeated(orders: AsyncClient, database: Database) -> None:
    for _ in range(2):
        response = await post(orders, "/none")
        assert (response.status_code, response.content) == (204, b"")
    assert await titles(database) == ["a"]


async def test_requests_at_the_same_time_create_one_row(
    app: Service, orders: AsyncClient, database: Database
) -> None:
    responses = await asyncio.gather(*(post(orders) for _ in range(10)))
    created = {response.content for response in responses if response.status_code == 201}
    assert len(created) == 1
    for response in responses:
        if response.status_code != 201:
            assert_problem(response, 409, "idempotency-key-in-use")
            assert response.headers["Retry-After"] == "1"
    assert await titles(database) == ["a"]
    assert checked_out(app) == 0


async def test_expired_key_can_be_used_again(orders: AsyncClient, database: Database) -> None:
    await post(orders)
    await expire(database)
    assert "Idempotent-Replayed" not in (await post(orders, title="b")).headers
    assert "Idempotent-Replayed" in (await post(orders, title="b")).headers
    assert await titles(database) == ["a", "b"]
    assert len(await keys(database)) == 1


async def test_answers_are_kept_for_a_day(orders: AsyncClient, database: Database) -> None:
    before = utc_now()
    await post(orders)
    kept = only(await keys(database))["expires_at"] - before
    assert timedelta(hours=24) <= kept < timedelta(hours=25)


async def test_new_answer_deletes_a_few_that_have_expired(
    orders: AsyncClient, database: Database
) -> None:
    for number in range(15):
        await post(orders, key=f"key-{number}")
    await expire(database)
    await post(orders)
    assert len(await keys(database)) == 6


async def test_all_that_have_expired_can_be_deleted(
    orders: AsyncClient, database: Database
) -> None:
    for number in range(3):
        await post(orders, key=f"key-{number}")
    await expire(database)
    assert await delete_expired_keys(database, Key) == 3
    await post(orders)
    assert await delete_expired_keys(database, Key) == 0
    assert len(await keys(database)) == 1


async def test_openapi_has_the_header(app: Service) -> None:
    operation = app.openapi()["paths"]["/orders"]["post"]
    header = only(operation["parameters"])
    assert (header["name"], header["in"]) == ("Idempotency-Key", "header")
    assert header["required"] is False
    assert "same answer" in header["description"]
