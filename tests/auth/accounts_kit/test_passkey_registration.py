"""Users register passkeys, with all factors that they have."""

import asyncio

import pytest
from sqlalchemy import select

from tests.auth.passkey_support import SIGN_IN, Laptop, new_authenticator, send
from tests.auth.people import (
    PASSWORD,
    Person,
    accounts_of,
    add_user,
    counts,
    database_of,
    turn_on_second_factor,
)
from kit.application import Service
from kit.testing import assert_problem, client_of, only

ATTEMPTS = 50


@pytest.fixture
async def ada(own_app: Service) -> Person:
    return await (await add_user(own_app, "ada@example.com")).sign_in()


async def test_passkeys_are_listed_without_keys(laptop: Laptop) -> None:
    shown = only(await laptop.list_passkeys())
    assert shown["last_used_at"] is None
    assert {*shown} == {"id", "name", "is_synced", "created_at", "last_used_at"}
    await laptop.try_to_sign_in()
    shown = only(await laptop.list_passkeys())
    assert shown["name"] == "Laptop"
    assert shown["last_used_at"] is not None


async def test_registration_excludes_passkeys_of_the_user(laptop: Laptop) -> None:
    options = (await laptop.try_to_begin()).json()
    excluded = only(options["excludeCredentials"])
    known = laptop.authenticator.create(options)
    assert excluded["id"] == known["id"]
    response = await laptop.try_to_register({"name": "Again", "credential": known})
    assert_problem(response, 409, "passkey-exists")


async def test_transports_are_kept_as_a_hint_for_browsers(ada: Person) -> None:
    laptop = Laptop(ada)
    body = await laptop.create()
    body["credential"]["response"]["transports"] = ["usb", "telepathy", "nfc"]
    assert (await laptop.try_to_register(body)).status_code == 201
    excluded = only((await laptop.try_to_begin()).json()["excludeCredentials"])
    assert excluded["transports"] == ["usb", "nfc"]


async def test_user_handle_does_not_contain_the_id(ada: Person) -> None:
    laptop = Laptop(ada)
    await laptop.create()
    assert laptop.authenticator.user_handle is not None
    assert len(laptop.authenticator.user_handle) == 43, "a hash of 32 bytes, in Base64"


async def test_registration_needs_the_password(ada: Person) -> None:
    assert_problem(await Laptop(ada).try_to_begin("wrong"), 403, "wrong-password")


async def test_registration_needs_a_code_if_the_second_factor_is_on(ada: Person) -> None:
    """Otherwise the password would suffice to register both factors at once."""
    ada, _, codes = await turn_on_second_factor(ada)
    laptop = Laptop(ada)
    assert_problem(await laptop.try_to_begin(), 403, "code-required")
    assert_problem(await laptop.try_to_begin(code="000000-wrong"), 403, "wrong-code")
    assert (await laptop.try_to_begin(code=codes[0])).status_code == 200


async def test_challenge_of_another_user_registers_nothing(ada: Person) -> None:
    eve = Laptop(await (await add_user(ada.app, "eve@example.com")).sign_in())
    body = await Laptop(ada).create()
    assert_problem(await eve.try_to_register(body), 400, "invalid-passkey")


async def test_challenges_are_for_one_ceremony(laptop: Laptop) -> None:
    created = await laptop.create()
    async with client_of(laptop.person.app) as client:
        options = (await client.post(f"{SIGN_IN}/options")).json()
    challenge_of_sign_in = {**options, "user": {"id": laptop.authenticator.user_handle}}
    body = {"name": "Laptop", "credential": new_authenticator().create(challenge_of_sign_in)}
    assert_problem(await laptop.try_to_register(body), 400, "invalid-passkey")
    options = (await laptop.try_to_begin()).json()
    body = {"credential": laptop.authenticator.get(options)}
    assert_problem(await send(laptop.person.app, body), 401, "wrong-passkey")
    assert created["credential"]


async def test_registration_works_once(ada: Person) -> None:
    laptop = Laptop(ada)
    body = await laptop.create()
    assert (await laptop.try_to_register(body)).status_code == 201
    assert_problem(await laptop.try_to_register(body), 400, "invalid-passkey")


@pytest.mark.parametrize("credential", [{}, {"id": 1}, {"id": "a", "response": []}])
async def test_malformed_credentials_are_refused(
    ada: Person, credential: dict[str, object]
) -> None:
    response = await Laptop(ada).try_to_register({"name": "Laptop", "credential": credential})
    assert_problem(response, 400, "invalid-passkey")
    assert_problem(await send(ada.app, {"credential": credential}), 401, "wrong-passkey")


async def test_api_keys_register_nothing(laptop: Laptop) -> None:
    body = {"name": "deploy", "permissions": [], "current_password": PASSWORD}
    key = (await laptop.person.call("POST", "/auth/api-keys", json=body)).json()["key"]
    program = Laptop(laptop.person.with_token(key), passkey_id=laptop.passkey_id)
    assert_problem(await program.try_to_begin(), 403, "session-required")
    assert_problem(await program.remove(), 403, "session-required")


async def test_registration_works_once_in_many_requests_at_once(busy_laptop: Laptop) -> None:
    other = Laptop(busy_laptop.person)
    body = await other.create()
    responses = await asyncio.gather(*[other.try_to_register(body) for _ in range(ATTEMPTS)])
    assert counts(responses) == {201: 1, 400: ATTEMPTS - 1}


async def test_session_that_has_ended_registers_nothing(ada: Person) -> None:
    """The session ends between the guard and the change, as by a change of the password."""
    laptop = Laptop(ada)
    body = await laptop.create()
    accounts = accounts_of(ada.app)
    accounts.cache.lifetime = 60
    assert await ada.is_signed_in()
    await database_of(ada.app).rows(accounts.tables.sessions.delete())
    assert_problem(await laptop.try_to_register(body), 401, "invalid-credentials")
    assert await database_of(ada.app).rows(select(accounts.tables.passkeys)) == []
