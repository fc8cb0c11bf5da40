"""Administrators change rights: not beyond their own, and one of them always remains."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import URL, update

from tests.auth.people import (
    Person,
    accounts_of,
    add_roles,
    add_user,
    counts,
    database_of,
    roles_of,
    set_role,
    set_roles,
    turn_on_second_factor,
)
from kit.application import Service
from kit.testing import Log, TestedService, assert_problem

SignedIn = Callable[..., Awaitable[Person]]


@pytest.fixture
async def signed_in(own_app: Service) -> SignedIn:
    """Return a function that adds a user with roles, who signs in."""
    await add_roles(own_app)

    async def add(name: str, *roles: str) -> Person:
        return await (await add_user(own_app, f"{name}@example.com", *roles)).sign_in()

    return add


@pytest.fixture
async def admin(signed_in: SignedIn) -> Person:
    return await signed_in("admin", "admin")


@pytest.fixture
async def support(signed_in: SignedIn) -> Person:
    """A user who may change roles and read users, and nothing else."""
    return await signed_in("support", "support")


@pytest.fixture
async def ada(signed_in: SignedIn) -> Person:
    """A user without roles."""
    return await signed_in("ada")


async def test_user_gets_a_role_and_its_permissions(admin: Person, ada: Person) -> None:
    response = await set_roles(admin, ada, "reader", "support")
    assert response.json() == {"roles": ["reader", "support"]}
    assert await roles_of(admin, ada) == ["reader", "support"]
    again = await ada.sign_in()
    assert (await again.call("GET", "/users")).status_code == 200
    await set_roles(admin, ada, "support")
    assert await roles_of(admin, ada) == ["support"]


async def test_change_of_rights_ends_the_sessions_of_the_user(
    admin: Person, support: Person, ada: Person
) -> None:
    await set_roles(admin, ada, "reader")
    assert not await ada.is_signed_in()
    assert await support.is_signed_in()
    again = await ada.sign_in()
    await set_roles(admin, ada, "reader")
    assert await again.is_signed_in(), "nothing has changed"
    await set_role(admin, "reader", "users:read", "users:write")
    assert not await again.is_signed_in()
    again = await ada.sign_in()
    await admin.call("DELETE", "/auth/roles/reader")
    assert not await again.is_signed_in()
    assert await roles_of(admin, ada) == []
    assert await support.is_signed_in()


async def test_change_of_rights_is_noticed_at_once_in_its_process(
    service: TestedService[Any], own_url: URL
) -> None:
    """Although this process remembers verified sessions for a minute."""
    settings = service.settings_for(own_url, auth_session_cache=60)
    async with service.serve(settings) as app:
        await add_roles(app)
        admin = await (await add_user(app, "admin@example.com", "admin")).sign_in()
        ada = await (await add_user(app, "ada@example.com", "reader")).sign_in()
        assert await ada.is_signed_in()
        await set_roles(admin, ada)
        assert not await ada.is_signed_in()


async def test_nobody_grants_what_he_does_not_have(support: Person, ada: Person) -> None:
    for response in (
        await set_roles(support, ada, "admin"),
        await set_roles(support, support, "support", "admin"),
        await set_role(support, "reader", "users:read", "users:write"),
        await set_role(support, "support", "*"),
        await set_role(support, "new", "users:write"),
    ):
        problem = assert_problem(response, 403, "missing-permission")
        assert set(problem["missing"]) <= {"*", "users:write"}
    assert (await set_roles(support, ada, "reader", "support")).status_code == 200
    assert (await set_role(support, "new", "users:read")).status_code == 200


async def test_nobody_takes_away_what_he_does_not_have(admin: Person, support: Person) -> None:
    for response in (
        await set_roles(support, admin),
        await set_role(support, "admin", "users:read"),
        await support.call("DELETE", "/auth/roles/admin"),
    ):
        assert_problem(response, 403, "missing-permission")
    assert await admin.is_signed_in()


async def test_administration_needs_its_permissions(signed_in: SignedIn, ada: Person) -> None:
    eve = await signed_in("eve", "reader")
    for method, path, permission in (
        ("GET", "/auth/roles", "accounts:read"),
        ("PUT", "/auth/roles/reader", "accounts:write"),
        ("DELETE", "/auth/roles/reader", "accounts:write"),
        ("GET", f"/auth/users/{ada.user_id}/roles", "accounts:read"),
        ("PUT", f"/auth/users/{ada.user_id}/roles", "accounts:write"),
        ("DELETE", f"/auth/users/{ada.user_id}/sessions", "accounts:write"),
        ("DELETE", f"/auth/users/{ada.user_id}/totp", "accounts:write"),
        # It is not said whether there is such a user.
        ("DELETE", f"/auth/users/{uuid4()}/totp", "accounts:write"),
    ):
        body: dict[str, list[str]] = {"roles": []}
        if path.startswith("/auth/roles"):
            body = {"permissions": []}
        problem = assert_problem(await eve.call(method, path, json=body), 403, "missing-permission")
        assert problem["missing"] == [permission]


async def test_unknown_permission_is_named(admin: Person) -> None:
    problem = assert_problem(
        await set_role(admin, "new", "users:read", "users:raed"), 422, "unknown-permission"
    )
    assert problem["unknown"] == ["users:raed"]
    assert (await set_role(admin, "new", "*", "accounts:read")).status_code == 200


async def test_unknown_role_is_named(admin: Person, ada: Person) -> None:
    problem = assert_problem(await set_roles(admin, ada, "raeder"), 422, "unknown-role")
    assert problem["unknown"] == ["raeder"]
    response = await admin.call("DELETE", "/auth/roles/raeder")
    assert_problem(response, 404, "role-not-found")


@pytest.mark.parametrize("user_id", [str(UUID(int=1)), "nobody", "1", "%00"])
async def test_unknown_user_is_not_found(admin: Person, user_id: str) -> None:
    for method, path in (
        ("GET", "roles"),
        ("PUT", "roles"),
        ("DELETE", "sessions"),
        ("DELETE", "totp"),
    ):
        response = await admin.call(method, f"/auth/users/{user_id}/{path}", json={"roles": []})
        assert_problem(response, 404, "user-not-found")


async def test_last_administrator_remains(admin: Person) -> None:
    for response in (
        await set_roles(admin, admin),
        await set_role(admin, "admin", "accounts:read", "accounts:write"),
        await admin.call("DELETE", "/auth/roles/admin"),
    ):
        assert_problem(response, 409, "last-administrator")
    assert await roles_of(admin, admin) == ["admin"]


async def test_administrator_who_is_not_active_does_not_count(
    admin: Person, signed_in: SignedIn
) -> None:
    other = await signed_in("other", "admin")
    users = accounts_of(admin.app).tables.users
    inactive = update(users).where(users.columns["id"] == other.user_id).values(is_active=False)
    await database_of(admin.app).rows(inactive)
    assert_problem(await set_roles(admin, admin), 409, "last-administrator")


async def test_permissions_under_another_name_count(admin: Person, signed_in: SignedIn) -> None:
    assert (await set_role(admin, "owner", "*")).status_code == 200
    await signed_in("other", "owner")
    assert (await set_roles(admin, admin)).status_code == 200


async def test_two_administrators_do_not_remove_each_other(
    own_app: Service, signed_in: SignedIn
) -> None:
    for number in range(10):
        first = await signed_in(f"first{number}", "admin")
        second = await signed_in(f"second{number}", "admin")
        statuses = counts(await asyncio.gather(set_roles(first, second), set_roles(second, first)))
        async with database_of(own_app).write_sessions.begin() as session:
            assert await accounts_of(own_app).roles.has_administrator(session), statuses
            for person in (first, second):
                await accounts_of(own_app).roles.replace(session, person.user_id, [])


async def test_roles_are_listed(support: Person) -> None:
    roles = (await support.call("GET", "/auth/roles")).json()["items"]
    assert roles[0] == {"name": "admin", "permissions": ["*"]}
    assert [role["name"] for role in roles] == ["admin", "reader", "support"]


async def test_administrator_ends_the_sessions_of_a_user(support: Person, ada: Person) -> None:
    other = await ada.sign_in()
    response = await support.call("DELETE", f"/auth/users/{ada.user_id}/sessions")
    assert response.status_code == 204
    assert not await ada.is_signed_in()
    assert not await other.is_signed_in()
    assert await support.is_signed_in()


async def test_administrator_removes_a_lost_second_factor(support: Person, ada: Person) -> None:
    ada, _, codes = await turn_on_second_factor(ada)
    response = await support.call("DELETE", f"/auth/users/{ada.user_id}/totp")
    assert response.status_code == 204
    assert not await ada.is_signed_in()
    assert await (await ada.sign_in()).is_signed_in()
    rows = await database_of(ada.app).rows(accounts_of(ada.app).tables.recovery_codes.select())
    assert (len(codes), rows) == (10, [])


async def test_second_factor_of_an_administrator_is_protected(
    admin: Person, support: Person
) -> None:
    admin, _, _ = await turn_on_second_factor(admin)
    response = await support.call("DELETE", f"/auth/users/{admin.user_id}/totp")
    assert_problem(response, 403, "missing-permission")
    assert_problem(await admin.try_to_sign_in(), 401, "code-required")


async def test_changes_of_rights_are_in_the_log(admin: Person, ada: Person, log: Log) -> None:
    await set_roles(admin, ada, "reader")
    records = [record for record in log() if record["event"] == "roles changed"]
    expected = {"principal": str(admin.user_id), "user": str(ada.user_id), "roles": ["reader"]}
    assert [record | expected for record in records] == records
    assert len(records) == 1
    assert "@example.com" not in str(log())
