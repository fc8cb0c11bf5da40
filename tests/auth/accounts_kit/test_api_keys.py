"""Programs call the service with API keys, which have some of their user's permissions."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import URL, event, update

from tests.auth.people import (
    PASSWORD,
    Person,
    accounts_of,
    add_roles,
    add_user,
    database_of,
)
from kit._internal.auth.accounts.tokens import hash_of, key_start, new_key
from kit.application import Service
from kit.models import utc_now
from kit.testing import Log, TestedService, assert_problem

# As in the rules of scanners that look for leaked keys.
LEAKED = re.compile(r"\bkey_[0-9a-f]{12}_[0-9a-f]{72}\b")


@pytest.fixture
async def ada(own_app: Service) -> Person:
    """A user who may read users, and has signed in."""
    await add_roles(own_app)
    return await (await add_user(own_app, "ada@example.com", "reader")).sign_in()


async def create_key(person: Person, *permissions: str, **values: object) -> dict[str, Any]:
    body = {"name": "deploy", "permissions": permissions, "current_password": PASSWORD}
    response = await person.call("POST", "/auth/api-keys", json={**body, **values})
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def change_key(person: Person, **values: object) -> None:
    """Change the row of the only key."""
    table = accounts_of(person.app).tables.api_keys
    await database_of(person.app).rows(update(table).values(**values))


async def test_key_calls_for_its_user(ada: Person) -> None:
    key = (await create_key(ada, "users:read"))["key"]
    program = ada.with_token(key)
    principal = (await program.call("GET", "/auth/me")).json()
    assert principal == {
        "subject": str(ada.user_id),
        "kind": "client",
        "permissions": ["users:read"],
    }
    assert (await program.call("GET", "/users")).status_code == 200
    assert_problem(await program.call("DELETE", f"/users/{ada.user_id}"), 403, "missing-permission")


async def test_key_is_shown_once_and_not_stored(ada: Person) -> None:
    created = await create_key(ada, "users:read")
    listed = (await ada.call("GET", "/auth/api-keys")).json()["items"]
    secret = created.pop("key")
    assert listed == [created]
    assert secret.startswith(f"{created['prefix']}_")
    rows = await database_of(ada.app).rows(accounts_of(ada.app).tables.api_keys.select())
    assert secret not in str(rows)
    assert rows[0]["secret_hash"] == hash_of(secret)


async def test_key_has_no_more_permissions_than_its_user(ada: Person) -> None:
    body = {"name": "deploy", "current_password": PASSWORD}
    for permissions, status, kind in (
        (["users:write"], 403, "missing-permission"),
        (["users:fly"], 422, "unknown-permission"),
        (["*"], 422, "unknown-permission"),
    ):
        response = await ada.call(
            "POST", "/auth/api-keys", json={**body, "permissions": permissions}
        )
        assert_problem(response, status, kind)


async def test_key_loses_the_permissions_that_its_user_loses(ada: Person) -> None:
    program = ada.with_token((await create_key(ada, "users:read"))["key"])
    async with database_of(ada.app).write_sessions.begin() as session:
        await accounts_of(ada.app).roles.replace(session, ada.user_id, [])
    assert_problem(await program.call("GET", "/users"), 403, "missing-permission")


async def test_creating_a_key_needs_the_password(ada: Person) -> None:
    body = {"name": "deploy", "permissions": [], "current_password": "wrong"}
    response = await ada.call("POST", "/auth/api-keys", json=body)
    assert_problem(response, 403, "wrong-password")
    for _ in range(10):
        response = await ada.call("POST", "/auth/api-keys", json=body)
    assert_problem(response, 429, "too-many-attempts")
    assert (await ada.call("GET", "/auth/api-keys")).json() == {"items": []}


async def test_key_manages_no_keys(ada: Person) -> None:
    program = ada.with_token((await create_key(ada))["key"])
    for method, path in (("POST", ""), ("GET", ""), ("DELETE", f"/{ada.user_id}")):
        body = {"name": "more", "permissions": [], "current_password": PASSWORD}
        response = await program.call(method, f"/auth/api-keys{path}", json=body)
        assert_problem(response, 403, "session-required")


async def test_revoked_key_ends(ada: Person) -> None:
    created = await create_key(ada)
    program = ada.with_token(created["key"])
    assert await program.is_signed_in()
    path = f"/auth/api-keys/{created['id']}"
    assert (await ada.call("DELETE", path)).status_code == 204
    assert not await program.is_signed_in()
    assert_problem(await ada.call("DELETE", path), 404, "api-key-not-found")


async def test_revoked_key_ends_at_once_in_its_process(
    service: TestedService[Any], own_url: URL
) -> None:
    """Although this process remembers verified keys for a minute."""
    settings = service.settings_for(own_url, auth_session_cache=60)
    async with service.serve(settings) as app:
        ada = await (await add_user(app, "ada@example.com")).sign_in()
        created = await create_key(ada)
        program = ada.with_token(created["key"])
        assert await program.is_signed_in()
        await ada.call("DELETE", f"/auth/api-keys/{created['id']}")
        assert not await program.is_signed_in()


async def test_key_of_another_user_is_not_found(ada: Person) -> None:
    created = await create_key(ada)
    eve = await (await add_user(ada.app, "eve@example.com", "admin")).sign_in()
    response = await eve.call("DELETE", f"/auth/api-keys/{created['id']}")
    assert_problem(response, 404, "api-key-not-found")
    assert await ada.with_token(created["key"]).is_signed_in()
    assert (await eve.call("GET", "/auth/api-keys")).json() == {"items": []}


async def test_key_expires(ada: Person) -> None:
    created = await create_key(ada, expires_in_days=1)
    program = ada.with_token(created["key"])
    assert await program.is_signed_in()
    await change_key(ada, expires_at=utc_now() - timedelta(seconds=1))
    assert not await program.is_signed_in()


async def test_key_without_an_expiry_is_asked_for(ada: Person) -> None:
    assert (await create_key(ada))["expires_at"] is not None
    assert (await create_key(ada, expires_in_days=None))["expires_at"] is None


async def test_last_use_is_stored_at_most_once_a_minute(ada: Person) -> None:
    program = ada.with_token((await create_key(ada))["key"])

    async def last_used_at() -> str | None:
        key = (await ada.call("GET", "/auth/api-keys")).json()["items"][0]
        used: str | None = key["last_used_at"]
        return used

    assert await last_used_at() is None
    await program.is_signed_in()
    first = await last_used_at()
    await program.is_signed_in()
    assert await last_used_at() == first is not None
    long_ago = utc_now() - timedelta(minutes=1, seconds=1)
    await change_key(ada, last_used_at=long_ago)
    await program.is_signed_in()
    second = await last_used_at()
    assert second is not None
    assert second >= first


async def test_user_who_is_not_active_has_no_keys(ada: Person) -> None:
    program = ada.with_token((await create_key(ada))["key"])
    users = accounts_of(ada.app).tables.users
    await database_of(ada.app).rows(update(users).values(is_active=False))
    assert not await program.is_signed_in()


def test_scanners_recognize_a_key() -> None:
    for _ in range(100):
        key = new_key()
        assert LEAKED.fullmatch(key)
        assert key_start(key) == key[:16]


@pytest.mark.parametrize("index", [4, 20, -1])
def test_key_with_a_changed_character_has_a_wrong_checksum(index: int) -> None:
    key = new_key()
    characters = list(key)
    characters[index] = {"0": "1"}.get(key[index], "0")
    assert key_start("".join(characters)) is None


async def test_wrong_checksum_costs_no_query(ada: Person) -> None:
    key = (await create_key(ada))["key"]
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engine = database_of(ada.app).read_engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        for wrong in (f"{key[:-1]}x", "key_", "key_a_b", f"{key}0"):
            assert not await ada.with_token(wrong).is_signed_in()
        assert statements == []
        assert await ada.with_token(key).is_signed_in()
        assert statements != []
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_log_names_the_key_without_its_text(ada: Person, log: Log) -> None:
    created = await create_key(ada)
    records = [record for record in log() if record["event"] == "API key created"]
    assert [record["api_key"] for record in records] == [created["id"]]
    assert [record["principal"] for record in records] == [str(ada.user_id)]
    assert created["key"] not in str(log())
    assert ada.email not in str(log())
