"""A process forgets the sessions that have ended in it, and remembers those of other users."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import URL

from tests.auth.people import PASSWORD, Person, accounts_of, add_roles, add_user
from kit._internal.auth.accounts.cache import VerifiedCache
from kit._internal.auth.accounts.tokens import hash_of
from kit._internal.auth.interface import Principal
from kit.application import Service
from kit.testing import TestedService, client_of

ADA = Principal("1", "user", frozenset())
BOB = Principal("2", "user", frozenset())
FORGETTING: list[Callable[[VerifiedCache], None]] = [
    lambda cache: cache.forget("of ada"),
    lambda cache: cache.forget_user(1),
    lambda cache: cache.forget_all(),
]


@pytest.fixture
async def remembering(service: TestedService[Any], own_url: URL) -> AsyncIterator[Service]:
    """A service that remembers verified clients for a minute."""
    async with service.serve(service.settings_for(own_url, auth_session_cache=60)) as app:
        await add_roles(app)
        yield app


@pytest.fixture
async def ada(remembering: Service) -> Person:
    return await (await add_user(remembering, "ada@example.com")).sign_in()


@pytest.fixture
async def bob(remembering: Service) -> Person:
    """A user who has just been verified."""
    bob = await (await add_user(remembering, "bob@example.com")).sign_in()
    assert await bob.is_signed_in()
    return bob


def is_remembered(person: Person) -> bool:
    return accounts_of(person.app).cache.get(hash_of(person.token)) is not None


def filled_cache() -> VerifiedCache:
    cache = VerifiedCache(60)
    for token_hash, principal in (("of ada", ADA), ("another of ada", ADA), ("of bob", BOB)):
        cache.put(token_hash, principal, cache.generation)
    return cache


def test_one_token_is_forgotten() -> None:
    cache = filled_cache()
    cache.forget("of ada")
    cache.forget("never seen")
    assert list(cache.entries) == ["another of ada", "of bob"]


def test_all_tokens_of_a_user_are_forgotten() -> None:
    cache = filled_cache()
    cache.forget_user(1)
    assert list(cache.entries) == ["of bob"]


@pytest.mark.parametrize("forget", FORGETTING)
def test_what_was_read_before_is_not_remembered(forget: Callable[[VerifiedCache], None]) -> None:
    """The session has ended while a request with it was looking it up."""
    cache = VerifiedCache(60)
    generation = cache.generation
    forget(cache)
    cache.put("of ada", ADA, generation)
    assert cache.get("of ada") is None


@pytest.mark.parametrize("path", ["/auth/sign-out", "/auth/sign-out-everywhere"])
async def test_sign_out_forgets_one_user(ada: Person, bob: Person, path: str) -> None:
    assert (await ada.call("POST", path)).status_code == 204
    assert not await ada.is_signed_in()
    assert is_remembered(bob)


async def test_ended_session_forgets_one_user(ada: Person, bob: Person) -> None:
    other = await ada.sign_in()
    assert await other.is_signed_in()
    for session in (await ada.call("GET", "/auth/sessions")).json()["items"]:
        if not session["is_current"]:
            await ada.call("DELETE", f"/auth/sessions/{session['id']}")
    assert not await other.is_signed_in()
    assert is_remembered(bob)


async def test_changed_password_forgets_one_user(ada: Person, bob: Person) -> None:
    other = await ada.sign_in()
    assert await other.is_signed_in()
    body = {"current_password": PASSWORD, "password": "seven whales under the harbour"}
    assert (await ada.call("POST", "/auth/password", json=body)).status_code == 200
    assert not await ada.is_signed_in()
    assert not await other.is_signed_in()
    assert is_remembered(bob)


async def test_sessions_that_an_administrator_ends(ada: Person, bob: Person) -> None:
    admin = await (await add_user(ada.app, "admin@example.com", "admin")).sign_in()
    assert await ada.is_signed_in()
    path = f"/auth/users/{ada.user_id}/sessions"
    assert (await admin.call("DELETE", path)).status_code == 204
    assert not await ada.is_signed_in()
    assert is_remembered(bob)


async def test_sign_in_forgets_the_session_of_the_browser(ada: Person, bob: Person) -> None:
    """Also that of another user."""
    carol = await (await add_user(ada.app, "carol@example.com")).sign_in()
    assert await carol.is_signed_in()
    headers = {"Cookie": f"__Host-session={carol.token}", "Sec-Fetch-Site": "same-origin"}
    body = {"email": ada.email, "password": PASSWORD}
    async with client_of(ada.app) as browser:
        response = await browser.post("/auth/sign-in", json=body, headers=headers)
    assert response.status_code == 201, response.text
    assert not await carol.is_signed_in()
    assert is_remembered(bob)
