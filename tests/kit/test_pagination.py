from uuid import UUID

import pytest
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from app.models import User
from tests.kit.support import patient
from kit.db import Database
from kit.pagination import PAGE_SIZE, PAGE_SIZE_MAX, decode_cursor, encode_cursor
from kit.testing import assert_problem


async def add_users(database: Database, *names: str) -> None:
    async with database.write_sessions.begin() as session:
        for name in names:
            session.add(User(email=f"{name}@example.com", name=name))
            await session.flush()


async def test_every_row_comes_once_while_others_are_added(
    client: AsyncClient, database: Database
) -> None:
    # Against the alphabet, so that no other order passes for that of creation.
    before = [f"user{number}" for number in reversed(range(7))]
    await add_users(database, *before)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/users", params=query)).json()
        assert len(page["items"]) <= 3
        seen += [user["name"] for user in page["items"]]
        cursor = page["next_cursor"]
        if len(seen) < 7:
            await add_users(database, f"late{len(seen)}")
    assert seen == [*before, "late3", "late6"]


async def test_last_full_page_has_no_next(client: AsyncClient, database: Database) -> None:
    await add_users(database, "ada", "bob")
    page = (await client.get("/users", params={"limit": 2})).json()
    assert len(page["items"]) == 2
    assert page["next_cursor"] is None


async def test_page_size_is_bounded(client: AsyncClient, database: Database) -> None:
    await add_users(database, *(f"user{number}" for number in range(PAGE_SIZE_MAX + 1)))
    for query, size in (({}, PAGE_SIZE), ({"limit": PAGE_SIZE_MAX}, PAGE_SIZE_MAX)):
        page = (await client.get("/users", params=query)).json()
        assert len(page["items"]) == size


@pytest.mark.parametrize(
    "query",
    ["limit=0", f"limit={PAGE_SIZE_MAX + 1}", "limit=x", "cursor=", "cursor=2", "cursor=%00"],
)
async def test_foreign_cursor_or_size_is_refused(client: AsyncClient, query: str) -> None:
    assert_problem(await client.get(f"/users?{query}"), 422, "invalid-request")


@given(st.uuids())
@patient
def test_cursor_names_a_row(row: UUID) -> None:
    assert decode_cursor(encode_cursor(row)) == row


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{20,24}={0,2}"))
@patient
def test_text_is_a_cursor_only_if_it_was_made_as_one(text: str) -> None:
    try:
        row = decode_cursor(text)
    except ValueError:
        return
    assert encode_cursor(row) == text
