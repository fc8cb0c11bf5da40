"""Rows that have an owner: nobody else reads or changes them, and no code forgets the owner."""

from typing import Any

import pytest
from httpx import AsyncClient

from tests.auth.owned_notes import add_note_routes, all_texts, create_tables
from kit._internal.auth.start import describe_open_routes
from kit.application import Service
from kit.db import Database
from kit.testing import ClientAs, Log, assert_problem, client_of, only

# Each is a request for one note.
REQUESTS = [
    ("GET", ""),
    ("PATCH", "?text=changed"),
    ("PUT", ""),
    ("DELETE", ""),
    ("DELETE", "/session"),
]


@pytest.fixture
async def notes(own_app: Service) -> Database:
    """Return a database with the tables of notes."""
    database: Database = own_app.state.database
    await create_tables(database)
    return database


@pytest.fixture
def app(own_app: Service, notes: Database) -> Service:
    """Return a started service with the routes of notes, which `client_as` calls."""
    add_note_routes(own_app)
    return own_app


@pytest.fixture
def ada(client_as: ClientAs) -> AsyncClient:
    return client_as(subject="ada")


@pytest.fixture
def bob(client_as: ClientAs) -> AsyncClient:
    return client_as(subject="bob")


async def create_note(client: AsyncClient, text: str = "note") -> dict[str, Any]:
    response = await client.post("/owned-notes", params={"text": text})
    assert response.status_code == 201
    note: dict[str, Any] = response.json()
    return note


async def texts(client: AsyncClient) -> list[str]:
    page = (await client.get("/owned-notes")).json()
    return [note["text"] for note in page["items"]]


async def test_new_row_belongs_to_the_client(ada: AsyncClient, bob: AsyncClient) -> None:
    assert (await create_note(ada))["owner"] == "ada"
    assert (await create_note(bob))["owner"] == "bob"


@pytest.mark.parametrize(("method", "suffix"), REQUESTS)
async def test_row_of_another_does_not_exist(
    ada: AsyncClient, bob: AsyncClient, notes: Database, method: str, suffix: str
) -> None:
    note = await create_note(ada)
    problem = assert_problem(
        await bob.request(method, f"/owned-notes/{note['id']}{suffix}"), 404, "note-not-found"
    )
    missing = "01890000-0000-7000-8000-000000000000"
    other = assert_problem(
        await bob.request(method, f"/owned-notes/{missing}{suffix}"), 404, "note-not-found"
    )
    assert problem["detail"] == other["detail"]
    assert await all_texts(notes) == {"ada": "note"}


@pytest.mark.parametrize(("method", "suffix"), REQUESTS)
async def test_own_row_exists(ada: AsyncClient, method: str, suffix: str) -> None:
    note = await create_note(ada)
    response = await ada.request(method, f"/owned-notes/{note['id']}{suffix}")
    assert response.is_success, response.text


async def test_pages_have_own_rows(ada: AsyncClient, bob: AsyncClient) -> None:
    for number in range(3):
        await create_note(ada, f"ada {number}")
        await create_note(bob, f"bob {number}")
    assert await texts(ada) == ["ada 0", "ada 1", "ada 2"]
    page = (await bob.get("/owned-notes", params={"limit": 2})).json()
    following = {"limit": 2, "cursor": page["next_cursor"]}
    rest = (await bob.get("/owned-notes", params=following)).json()
    assert [note["text"] for note in page["items"] + rest["items"]] == ["bob 0", "bob 1", "bob 2"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(("method", "suffix"), REQUESTS)
async def test_permission_shows_the_rows_of_everyone(
    ada: AsyncClient, client_as: ClientAs, method: str, suffix: str
) -> None:
    note = await create_note(ada)
    admin = client_as("notes:admin", subject="eve")
    assert await texts(admin) == ["note"]
    response = await admin.request(method, f"/owned-notes/{note['id']}{suffix}")
    assert response.is_success, response.text
    assert (await create_note(admin))["owner"] == "eve"


async def test_other_permissions_show_own_rows_only(ada: AsyncClient, client_as: ClientAs) -> None:
    await create_note(ada)
    assert await texts(client_as("notes:read", "notes:admins", "admin", subject="eve")) == []


async def test_client_has_to_be_authenticated(app: Service) -> None:
    assert describe_open_routes(app)
    async with client_of(app) as anyone:
        assert_problem(await anyone.get("/owned-notes"), 401, "missing-credentials")


async def test_only_the_forgetful_route_says_nothing(app: Service) -> None:
    lines = "\n".join(describe_open_routes(app))
    assert "/forgetful" in lines
    assert "POST" not in lines


async def test_without_authentication_rows_are_anonymous(app: Service) -> None:
    app.authenticator = None
    async with client_of(app) as anyone:
        note = await create_note(anyone)
        assert note["owner"] == "anonymous"
        assert await texts(anyone) == ["note"]
        assert (await anyone.delete(f"/owned-notes/{note['id']}")).status_code == 204


async def test_forgetful_route_fails_for_everyone(ada: AsyncClient, log: Log) -> None:
    note = await create_note(ada)
    assert_problem(await ada.get(f"/owned-notes/{note['id']}/forgetful"), 500)
    errors = [record["exception"] for record in log() if "exception" in record]
    assert "OwnedNote has an owner: use OwnedRows" in only(errors)
