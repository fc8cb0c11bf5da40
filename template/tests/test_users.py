"""The users API by requests, then the table of users by its rows.

Fixtures of kit: `client` sends requests, `rows` adds rows, `database` is what both use. What a test
writes is rolled back after it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import Uuid, bindparam, select, text, update
from sqlalchemy.exc import IntegrityError

from app.models import User
from kit.db import Database
from kit.testing import Rows, assert_problem

ADA = {"email": "ada@example.com", "name": "Ada Lovelace"}
GRACE = {"email": "grace@example.com", "name": "Grace Hopper"}
INSERT = text("INSERT INTO users (id, email, name) VALUES (:id, :email, 'Raw')").bindparams(
    bindparam("id", type_=Uuid())
)


@pytest.fixture
async def ada(client: AsyncClient) -> dict[str, Any]:
    """A user that the API has created."""
    response = await client.post("/users", json=ADA)
    assert response.status_code == 201, response.text
    user: dict[str, Any] = response.json()
    return user


async def emails(client: AsyncClient, **query: str) -> list[str]:
    response = await client.get("/users", params=query)
    assert response.status_code == 200, response.text
    return [user["email"] for user in response.json()["items"]]


async def test_created_user_is_where_location_says(client: AsyncClient) -> None:
    created = await client.post("/users", json=ADA)
    assert created.status_code == 201
    read = await client.get(created.headers["Location"])
    assert read.status_code == 200
    assert read.json() == created.json()
    assert read.json() == read.json() | ADA | {"is_active": True}


@pytest.mark.usefixtures("ada")
async def test_email_is_taken_in_any_case(client: AsyncClient) -> None:
    response = await client.post("/users", json=GRACE | {"email": "ADA@Example.com"})
    assert_problem(response, 409, "email-taken")


async def test_email_cannot_become_that_of_another(
    client: AsyncClient, ada: dict[str, Any], rows: Rows
) -> None:
    await rows(User(**GRACE))
    response = await client.patch(f"/users/{ada['id']}", json={"email": "GRACE@example.com"})
    assert_problem(response, 409, "email-taken")
    assert await emails(client) == ["ada@example.com", "grace@example.com"]


@pytest.mark.parametrize("change", [{"name": "Ada"}, {"is_active": False}, {"email": "a@b.org"}])
async def test_patch_changes_what_is_sent(
    client: AsyncClient, ada: dict[str, Any], change: dict[str, Any]
) -> None:
    response = await client.patch(f"/users/{ada['id']}", json=change)
    after = response.json()
    assert response.status_code == 200
    assert after == ada | change | {"updated_at": after["updated_at"]}
    assert after["updated_at"] > ada["updated_at"]
    assert (await client.get(f"/users/{ada['id']}")).json() == after


async def test_deleted_user_is_gone(client: AsyncClient, ada: dict[str, Any]) -> None:
    response = await client.delete(f"/users/{ada['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert_problem(await client.get(f"/users/{ada['id']}"), 404, "user-not-found")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_unknown_user_is_not_found(client: AsyncClient, method: str) -> None:
    response = await client.request(method, f"/users/{uuid4()}", json={})
    assert_problem(response, 404, "user-not-found")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": f"{'x' * 250}@example.com"}, "email"),
        ({"email": None}, "email"),
        ({"name": " \t "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "nul\0"}, "name"),
        ({"name": None}, "name"),
        ({"is_active": "perhaps"}, "is_active"),
        ({"is_active": None}, "is_active"),
        ({"nmae": "Ada"}, "nmae"),
    ],
)
async def test_unacceptable_field_is_named(
    client: AsyncClient, ada: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    for response in (
        await client.post("/users", json=GRACE | change),
        await client.patch(f"/users/{ada['id']}", json=change),
    ):
        problem = assert_problem(response, 422, "invalid-request")
        # A field that may be left out or hold one of several types has those types behind its name.
        assert {tuple(error["location"][:2]) for error in problem["errors"]} == {("body", field)}


async def test_changed_user_keeps_its_place(
    client: AsyncClient, ada: dict[str, Any], rows: Rows
) -> None:
    """PostgreSQL returns a row that was changed last where nobody asks for an order."""
    await rows(User(**GRACE))
    await client.patch(f"/users/{ada['id']}", json={"name": "Changed"})
    assert await emails(client) == ["ada@example.com", "grace@example.com"]


async def test_filters(client: AsyncClient, rows: Rows) -> None:
    await rows(User(email="ada@example.com", name="Ada_100%"))
    middle = (await client.post("/users", json={"email": "bob@b.org", "name": "Bob 100"})).json()
    await rows(User(email="eve@example.com", name="Eve", is_active=False))
    assert await emails(client, email="BOB@b.org") == ["bob@b.org"]
    assert await emails(client, name="bOb") == ["bob@b.org"]
    assert await emails(client, name="%") == ["ada@example.com"]
    assert await emails(client, name="_") == ["ada@example.com"]
    assert await emails(client, is_active="false") == ["eve@example.com"]
    assert await emails(client, created_after=middle["created_at"]) == ["eve@example.com"]
    assert await emails(client, created_before=middle["created_at"]) == ["ada@example.com"]


async def test_insert_in_sql_gets_times_and_defaults(database: Database) -> None:
    async with database.writing.begin() as session:
        await session.execute(INSERT, {"id": uuid4(), "email": "raw@example.com"})
        user = (await session.scalars(select(User))).one()
    assert user.is_active
    for time in (user.created_at, user.updated_at):
        assert time.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


async def test_update_of_many_rows_moves_updated_at(database: Database, rows: Rows) -> None:
    user = User(**ADA)
    await rows(user)
    created, updated = user.created_at, user.updated_at
    async with database.writing.begin() as session:
        await session.execute(update(User).values(name="All"))
        user = (await session.scalars(select(User))).one()
    assert user.created_at == created
    assert user.updated_at > updated


async def test_database_itself_refuses_an_email_in_upper_case(database: Database) -> None:
    async with database.writing() as session:
        with pytest.raises(IntegrityError, match="ck_users_email_lower_case"):
            await session.execute(INSERT, {"id": uuid4(), "email": "ADA@example.com"})
