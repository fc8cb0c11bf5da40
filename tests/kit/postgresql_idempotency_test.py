"""Repeated requests on PostgreSQL, which never wait for each other."""

import asyncio

from httpx import AsyncClient

from tests.kit.repeatable import Waiting, titles, with_orders
from kit.application import Service
from kit.testing import assert_problem


async def test_key_in_use_is_refused_at_once(own_app: Service, own_client: AsyncClient) -> None:
    waiting = Waiting()
    await with_orders(own_app, waiting)
    headers = {"Idempotency-Key": "a"}
    request = own_client.post("/orders/slow", json={"title": "a"}, headers=headers)
    first = asyncio.create_task(request)
    await asyncio.wait_for(waiting.reached.wait(), 30)
    for body in ({"title": "a"}, {"title": "b"}):
        second = own_client.post("/orders/slow", json=body, headers=headers)
        response = await asyncio.wait_for(second, 25)
        assert_problem(response, 409, "idempotency-key-in-use")
        assert response.headers["Retry-After"] == "1"
    waiting.over.set()
    assert (await first).status_code == 201
    assert await titles(own_app.state.database) == ["a"]
