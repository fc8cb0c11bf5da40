"""Sensitive changes need all factors again: the password, and a code of the second factor."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from httpx import Response
from sqlalchemy import URL

from tests.auth.people import PASSWORD, Person, add_user, counts, turn_on_second_factor
from kit.application import Service
from kit.testing import TestedService, assert_problem

ATTEMPTS = 20
STEP = 30
WRONG_CODE = "00000-00000-00000-00000-00000"
EMAIL_CHANGE = ("/auth/email", {"email": "new@example.com"}, 202)
NEW_KEY = ("/auth/api-keys", {"name": "deploy", "permissions": []}, 201)
# Paths, what their bodies have besides, and the status of an answer to a confirmed request.
CHANGES: list[tuple[str, dict[str, Any], int]] = [
    ("/auth/password", {"password": "seven whales under the harbour"}, 200),
    EMAIL_CHANGE,
    NEW_KEY,
    ("/auth/recovery-codes", {}, 200),
    ("/auth/passkeys/registration", {}, 200),
    # There is no such passkey.
    (f"/auth/passkeys/{UUID(int=1)}/remove", {}, 404),
]


@pytest.fixture
async def ada(own_app: Service) -> Person:
    return await (await add_user(own_app, "ada@example.com")).sign_in()


@pytest.fixture
async def busy_ada(service: TestedService[Any], own_url: URL) -> AsyncIterator[Person]:
    """A user of a service that lets many attempts at once wait, instead of refusing them."""
    settings = service.settings_for(
        own_url, auth_argon2_queue=2 * ATTEMPTS, auth_attempts_per_account_and_address=2 * ATTEMPTS
    )
    async with service.serve(settings) as app:
        yield await (await add_user(app, "ada@example.com")).sign_in()


async def request(
    person: Person, path: str, values: dict[str, Any], code: str | None = None
) -> Response:
    body = {"current_password": PASSWORD, "code": code, **values}
    return await person.call("POST", path, json=body)


@pytest.mark.parametrize(("path", "values", "status"), CHANGES)
async def test_change_needs_a_code(
    ada: Person, path: str, values: dict[str, Any], status: int
) -> None:
    ada, totp, codes = await turn_on_second_factor(ada)
    assert_problem(await request(ada, path, values), 403, "code-required")
    assert_problem(await request(ada, path, values, WRONG_CODE), 403, "wrong-code")
    # It has turned the second factor on.
    assert_problem(await request(ada, path, values, totp.now()), 403, "wrong-code")
    assert (await request(ada, path, values, codes[0])).status_code == status


@pytest.mark.parametrize(("path", "values", "status"), CHANGES)
async def test_code_does_not_replace_the_password(
    ada: Person, path: str, values: dict[str, Any], status: int
) -> None:
    ada, _, codes = await turn_on_second_factor(ada)
    wrong = {**values, "current_password": "wrong"}
    assert_problem(await request(ada, path, wrong, codes[0]), 403, "wrong-password")
    # The code was not used up.
    assert (await request(ada, path, values, codes[0])).status_code == status


async def test_code_confirms_one_change(ada: Person) -> None:
    ada, totp, codes = await turn_on_second_factor(ada)
    path, values, status = EMAIL_CHANGE
    for code in (totp.at(time.time() + STEP), codes[0]):
        assert (await request(ada, path, values, code)).status_code == status
        assert_problem(await request(ada, NEW_KEY[0], NEW_KEY[1], code), 403, "wrong-code")
        assert_problem(await ada.try_to_sign_in(code), 401, "wrong-code")


async def test_code_confirms_one_of_many_changes_at_once(busy_ada: Person) -> None:
    ada, totp, _ = await turn_on_second_factor(busy_ada)
    code = totp.at(time.time() + STEP)
    attempts = [request(ada, NEW_KEY[0], NEW_KEY[1], code) for _ in range(ATTEMPTS)]
    assert counts(await asyncio.gather(*attempts)) == {201: 1, 403: ATTEMPTS - 1}


async def test_wrong_codes_are_counted(ada: Person) -> None:
    """Although the password is right."""
    ada, _, codes = await turn_on_second_factor(ada)
    path, values, _ = EMAIL_CHANGE
    responses = [await request(ada, path, values, WRONG_CODE) for _ in range(10)]
    assert counts(responses) == {403: 10}
    assert_problem(await request(ada, path, values, codes[0]), 429, "too-many-attempts")


async def test_code_without_a_second_factor_is_ignored(ada: Person) -> None:
    path, values, status = NEW_KEY
    assert (await request(ada, path, values, WRONG_CODE)).status_code == status
