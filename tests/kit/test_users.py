"""The users of the example in depth: names in any script, and requests at the same time."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import delete

from app.models import User
from tests.kit.support import concurrent_statuses, error_locations
from kit.db import Database
from kit.testing import assert_problem

ADA = {"email": "ada@example.com", "name": "Ada Lovelace"}
# Controls, line separators and what reverses text, in a name and at its end.
DISTURBING = [f"Ada{sign}Lovelace" for sign in "\t\n\x1b\x7f\x80\x85\x9f\u2028\u2029\u202a\u202e"]
DISTURBING += [f"Ada{sign}" for sign in "\x00\x85\u2028\u2029\u202b\u202d\u2066\u2067\u2068\u2069"]
NOTHING_SHOWS = [
    "\u00a0\u2003\u3000",
    "\u200b\u200c\u200d\u2060\ufeff",
    "\u200b \u200b",
    "\u00ad",
    "\u200e\u200f\u061c",
    "\u115f\u3164\u2800",
    "\ufe0f",
    "\u0301",
    "\u0301Ada",
    "Ada \u0301",
    "\u200d\u0301",
    "\ud800",
    "Ada\udfff",
]
NAMES = [
    "José",
    "Jose\u0301",
    "O'Neil-Smith, Jr.",
    "李小龍",
    "ณัฐวุฒิ",
    "محمد",
    "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
    "क्\u200dष",
    "ශ්\u200dරී",
    "র\u200d্যাব",
    "שָׁלוֹם",
    "👩\u200d💻",
    "❤\ufe0f",
    "X",
    "7",
]


async def create(client: AsyncClient, **changes: object) -> dict[str, Any]:
    response = await client.post("/users", json=ADA | changes)
    assert response.status_code == 201, response.text
    user: dict[str, Any] = response.json()
    return user


async def emails(client: AsyncClient, **query: str) -> list[str]:
    response = await client.get("/users", params=query)
    assert response.status_code == 200, response.text
    return [user["email"] for user in response.json()["items"]]


async def test_only_one_of_concurrent_requests_deletes(own_client: AsyncClient) -> None:
    path = f"/users/{(await create(own_client))['id']}"
    requests = [own_client.delete(path) for _ in range(8)]
    assert sorted(await concurrent_statuses(*requests)) == [204] + [404] * 7


async def test_all_of_concurrent_changes_are_made(own_client: AsyncClient) -> None:
    path = f"/users/{(await create(own_client))['id']}"
    requests = [own_client.patch(path, json={"name": f"Ada {number}"}) for number in range(8)]
    assert await concurrent_statuses(*requests) == [200] * 8


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_user_deleted_meanwhile_is_not_found(
    own_app: FastAPI, own_client: AsyncClient, method: str
) -> None:
    """The request waits for the other transaction, and then sees what that has done."""
    user = await create(own_client)
    database: Database = own_app.state.database
    async with database.write_sessions.begin() as session:
        await session.execute(delete(User))
        path, body = f"/users/{user['id']}", {"name": "Changed"}
        request = asyncio.create_task(own_client.request(method, path, json=body))
        done, _ = await asyncio.wait({request}, timeout=0.3)
        assert not done, "it has not waited"
    assert_problem(await request, 404, "user-not-found")


@pytest.mark.parametrize("name", DISTURBING + NOTHING_SHOWS)
async def test_unreadable_name_is_refused(client: AsyncClient, name: str) -> None:
    user = await create(client)
    headers = {"Content-Type": "application/json"}
    for method, path, body in (("POST", "/users", ADA), ("PATCH", f"/users/{user['id']}", {})):
        # Not json=, which cannot send half of a surrogate pair.
        content = json.dumps(body | {"name": name})
        response = await client.request(method, path, content=content, headers=headers)
        problem = assert_problem(response, 422, "invalid-request")
        assert problem["errors"]
        for location in error_locations(problem):
            assert location[:2] == ["body", "name"]


async def test_part_of_a_name_may_be_less_than_a_name(client: AsyncClient) -> None:
    await create(client, name="Jose\u0301")
    assert await emails(client, name="\u0301") == [ADA["email"]]


@pytest.mark.parametrize("name", NAMES)
async def test_ordinary_name_is_taken_as_it_is(client: AsyncClient, name: str) -> None:
    assert (await create(client, name=name))["name"] == name


async def test_spaces_around_a_name_are_dropped(client: AsyncClient) -> None:
    assert (await create(client, name="\u3000\t Ada \u00a0\r\n"))["name"] == "Ada"


async def test_missing_field_is_named(client: AsyncClient) -> None:
    problem = assert_problem(await client.post("/users", json={}), 422, "invalid-request")
    assert error_locations(problem) == [["body", "email"], ["body", "name"]]


async def test_malformed_json_is_refused(client: AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.post("/users", content=b'{"email": ', headers=headers)
    assert_problem(response, 422, "invalid-request")


async def test_unknown_method_and_path_are_problems(client: AsyncClient) -> None:
    response = await client.put("/users", json=ADA)
    assert_problem(response, 405)
    assert "POST" in response.headers["Allow"]
    assert_problem(await client.get("/no-such-path"), 404)


NO_ZONE, BEYOND = "created_after=2026-01-01T00:00:00", "created_after=0001-01-01T00:00:00%2B11:00"


@pytest.mark.parametrize("query", ["nmae=Ada", "email=no", NO_ZONE, BEYOND])
async def test_unacceptable_filter_is_refused(client: AsyncClient, query: str) -> None:
    assert_problem(await client.get(f"/users?{query}"), 422, "invalid-request")
