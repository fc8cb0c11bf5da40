"""Seeded users sign in with their passwords; users who have a password stay as they are."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import User
from tests.auth.people import PASSWORD, Person, add_roles, add_user, database_of
from kit.application import Service
from kit.errors import ProblemError
from kit.seeds import Seed, ensure, run
from kit.seeds.accounts import ensure_account, ensure_role

ADA = {"email": "ada@example.com", "name": "Ada Lovelace", "password": PASSWORD}


def seed_of(**values: str) -> Seed:
    """Return the seed of a user with these values instead of those of Ada."""

    async def seed(session: AsyncSession) -> None:
        user = await ensure_account(session, **{**ADA, **values})
        assert isinstance(user, User)

    return seed


async def run_seed(app: Service, seed: Seed) -> dict[str, int]:
    return await run(app, database_of(app), seed)


async def sign_in(app: Service, email: str = ADA["email"]) -> Person:
    return await Person(app, email, None).sign_in()


async def test_seeded_user_signs_in(own_app: Service) -> None:
    assert await run_seed(own_app, seed_of(role="admin")) == {"users": 1}
    ada = await sign_in(own_app)
    assert (await ada.call("GET", "/users")).status_code == 200


async def test_seed_changes_nothing_the_second_time(own_app: Service) -> None:
    await run_seed(own_app, seed_of())
    assert await run_seed(own_app, seed_of(password=f"{PASSWORD}!", role="admin")) == {}
    ada = await sign_in(own_app)
    assert (await ada.call("GET", "/users")).status_code == 403


async def test_user_without_a_password_gets_one(own_app: Service) -> None:
    async def seed(session: AsyncSession) -> None:
        await ensure(session, User, by="email", rows=[{"email": ADA["email"], "name": "Ada"}])
        await ensure_account(session, **ADA)

    await run_seed(own_app, seed)
    assert await (await sign_in(own_app)).is_signed_in()


async def test_address_is_that_of_sign_in(own_app: Service) -> None:
    await run_seed(own_app, seed_of(email="Ada@Example.com"))
    assert await run_seed(own_app, seed_of()) == {}
    await sign_in(own_app)


async def test_role_is_added_with_its_permissions(own_app: Service) -> None:
    async def seed(session: AsyncSession) -> None:
        await ensure_role(session, "support", ["users:read"])
        await ensure_account(session, **ADA, role="support")

    await run_seed(own_app, seed)
    ada = await sign_in(own_app)
    assert (await ada.call("GET", "/users")).status_code == 200
    body = {"email": "bob@example.com", "name": "Bob"}
    assert (await ada.call("POST", "/users", body)).status_code == 403


async def test_existing_role_keeps_its_permissions(own_app: Service) -> None:
    await add_roles(own_app)

    async def seed(session: AsyncSession) -> None:
        await ensure_role(session, "reader", ["*"])

    await run_seed(own_app, seed)
    reader = await (await add_user(own_app, "reader@example.com", "reader")).sign_in()
    body = {"email": "bob@example.com", "name": "Bob"}
    assert (await reader.call("POST", "/users", body)).status_code == 403


@pytest.mark.parametrize(
    ("values", "error", "reason"),
    [
        ({"email": "nonsense"}, ValueError, "valid email address"),
        ({"role": "nobody"}, ValueError, "no role has the name nobody: add it by ensure_role"),
        ({"password": "short"}, ProblemError, "needs at least 15 characters"),
    ],
    ids=["address", "role", "password"],
)
async def test_mistake_inserts_nothing(
    own_app: Service, values: dict[str, str], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        await run_seed(own_app, seed_of(**values))
    assert await run_seed(own_app, seed_of()) == {"users": 1}


async def test_other_sessions_are_refused(own_app: Service) -> None:
    with pytest.raises(RuntimeError, match=r"in a session of make db-seed or kit\.seeds\.run"):
        async with database_of(own_app).write_sessions.begin() as session:
            await ensure_account(session, **ADA)
