"""The second factor: turned on by a first code, each code once, recovery codes for its loss."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pyotp
import pytest
from sqlalchemy import URL, update

from harness.smtp import plain_text, receiving_mail
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
from kit.testing import TestedService, assert_problem, client_of

ATTEMPTS = 50
STEP = 30


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


def next_code(totp: pyotp.TOTP) -> str:
    """Return a code that was not used yet: the confirmation has used that of this step."""
    return totp.at(time.time() + STEP)


async def test_code_is_needed_once_it_is_on(ada: Person) -> None:
    ada, totp, _ = await turn_on_second_factor(ada)
    assert_problem(await ada.try_to_sign_in(), 401, "code-required")
    wrong = str((int(totp.now()) + 1) % 10**6).zfill(6)
    if wrong == next_code(totp):
        wrong = str((int(wrong) + 1) % 10**6).zfill(6)
    assert_problem(await ada.try_to_sign_in(wrong), 401, "wrong-code")
    assert await (await ada.sign_in(next_code(totp))).is_signed_in()


async def test_secret_alone_turns_nothing_on(ada: Person) -> None:
    response = await ada.call("POST", "/auth/totp", json={"current_password": PASSWORD})
    secret = response.json()["secret"]
    assert response.json()["uri"].startswith("otpauth://totp/orders:ada%40example.com?")
    assert f"secret={secret}" in response.json()["uri"]
    assert (await ada.try_to_sign_in()).status_code == 201
    body = {"code": "000000", "transport": "bearer"}
    if pyotp.TOTP(secret).verify("000000", valid_window=1):
        body["code"] = "111111"
    assert_problem(await ada.call("POST", "/auth/totp/confirm", json=body), 400, "wrong-code")
    assert (await ada.try_to_sign_in()).status_code == 201
    assert (await ada.call("GET", "/auth/totp")).json() == {"is_on": False, "recovery_codes": 0}


async def test_confirmation_without_a_secret_is_refused(ada: Person) -> None:
    response = await ada.call("POST", "/auth/totp/confirm", json={"code": "123456"})
    assert_problem(response, 409, "second-factor-off")


async def test_turning_it_on_renews_the_session_and_ends_others(ada: Person) -> None:
    other = await ada.sign_in()
    renewed, _, codes = await turn_on_second_factor(ada)
    assert await renewed.is_signed_in()
    assert not await ada.is_signed_in(), "the old token"
    assert not await other.is_signed_in()
    state = (await renewed.call("GET", "/auth/totp")).json()
    assert state == {"is_on": True, "recovery_codes": len(codes)}


async def test_browser_gets_the_new_token_in_its_cookie(ada: Person) -> None:
    response = await ada.call("POST", "/auth/totp", json={"current_password": PASSWORD})
    body = {"code": pyotp.TOTP(response.json()["secret"]).now()}
    response = await ada.call("POST", "/auth/totp/confirm", json=body)
    assert response.json()["token"] is None
    assert await ada.with_token(response.cookies["__Host-session"]).is_signed_in()


async def test_it_is_replaced_only_after_it_was_turned_off(ada: Person) -> None:
    ada, totp, _ = await turn_on_second_factor(ada)
    again = await ada.call("POST", "/auth/totp", json={"current_password": PASSWORD})
    assert_problem(again, 409, "second-factor-on")
    body = {"current_password": PASSWORD, "code": next_code(totp), "transport": "bearer"}
    response = await ada.call("POST", "/auth/totp/off", json=body)
    assert response.status_code == 200
    assert not await ada.is_signed_in(), "the old token"
    ada = ada.with_token(response.json()["token"])
    assert await ada.is_signed_in()
    assert (await ada.try_to_sign_in()).status_code == 201
    await turn_on_second_factor(ada)


async def test_turning_it_off_needs_password_and_code(ada: Person) -> None:
    ada, totp, codes = await turn_on_second_factor(ada)
    for password, code, kind in (
        ("wrong", next_code(totp), "wrong-password"),
        (PASSWORD, "00000-00000-00000-00000-00000", "wrong-code"),
    ):
        body = {"current_password": password, "code": code}
        assert_problem(await ada.call("POST", "/auth/totp/off", json=body), 403, kind)
    body = {"current_password": PASSWORD, "code": codes[0]}
    assert (await ada.call("POST", "/auth/totp/off", json=body)).status_code == 200


async def test_wrong_codes_to_turn_it_off_are_counted(ada: Person) -> None:
    """Although the password is right."""
    ada, _, _ = await turn_on_second_factor(ada)
    body = {"current_password": PASSWORD, "code": "00000-00000-00000-00000-00000"}
    responses = [await ada.call("POST", "/auth/totp/off", json=body) for _ in range(11)]
    assert counts(responses) == {403: 10, 429: 1}


async def test_code_works_once_in_many_sign_ins_at_once(busy_ada: Person) -> None:
    ada, totp, _ = await turn_on_second_factor(busy_ada)
    code = next_code(totp)
    async with client_of(ada.app) as client:
        attempts = [ada.try_to_sign_in(code, client) for _ in range(ATTEMPTS)]
        responses = await asyncio.gather(*attempts)
    assert counts(responses) == {201: 1, 401: ATTEMPTS - 1}


async def test_recovery_code_works_once_in_many_sign_ins_at_once(busy_ada: Person) -> None:
    ada, _, codes = await turn_on_second_factor(busy_ada)
    async with client_of(ada.app) as client:
        attempts = [ada.try_to_sign_in(codes[3].lower(), client) for _ in range(ATTEMPTS)]
        responses = await asyncio.gather(*attempts)
    assert counts(responses) == {201: 1, 401: ATTEMPTS - 1}
    assert (await ada.sign_in(codes[4])).token


async def test_recovery_codes_are_replaced(ada: Person) -> None:
    ada, totp, codes = await turn_on_second_factor(ada)
    body = {"current_password": PASSWORD, "code": next_code(totp)}
    response = await ada.call("POST", "/auth/recovery-codes", json=body)
    new_codes = response.json()["recovery_codes"]
    assert len({*codes, *new_codes}) == 20
    assert_problem(await ada.try_to_sign_in(codes[0]), 401, "wrong-code")
    assert (await ada.try_to_sign_in(new_codes[0])).status_code == 201


async def test_requests_at_once_leave_the_codes_of_one(busy_ada: Person) -> None:
    ada, _, _ = await turn_on_second_factor(busy_ada)
    await asyncio.gather(*[replace_codes(ada) for _ in range(5)])
    assert (await ada.call("GET", "/auth/totp")).json()["recovery_codes"] == 10


async def replace_codes(person: Person) -> None:
    """Do what a confirmed request does."""
    async with database_of(person.app).write_sessions.begin() as transaction:
        factor = accounts_of(person.app).second_factor
        await factor.renew_recovery_codes(transaction, person.user_id)


async def test_recovery_codes_need_a_second_factor(ada: Person) -> None:
    body = {"current_password": PASSWORD}
    response = await ada.call("POST", "/auth/recovery-codes", json=body)
    assert_problem(response, 409, "second-factor-off")


async def test_session_that_has_ended_turns_nothing_on(ada: Person) -> None:
    """The session ends between the guard and the change."""
    response = await ada.call("POST", "/auth/totp", json={"current_password": PASSWORD})
    code = pyotp.TOTP(response.json()["secret"]).now()
    accounts = accounts_of(ada.app)
    accounts.cache.lifetime = 60
    assert await ada.is_signed_in()
    await database_of(ada.app).rows(accounts.tables.sessions.delete())
    body = {"code": code, "transport": "bearer"}
    assert_problem(
        await ada.call("POST", "/auth/totp/confirm", json=body), 401, "invalid-credentials"
    )
    table = accounts.tables.credentials
    rows = await database_of(ada.app).rows(table.select())
    assert rows[0]["totp_secret"] is None


async def test_user_gets_a_mail_about_each_change(
    service: TestedService[Any], own_url: URL
) -> None:
    with receiving_mail() as mail:
        settings = service.settings_for(own_url, mail_url=mail.url)
        async with service.serve(settings) as app:
            ada = await (await add_user(app, "ada@example.com")).sign_in()
            ada, totp, old_codes = await turn_on_second_factor(ada)
            body = {"current_password": PASSWORD, "code": old_codes[0]}
            response = await ada.call("POST", "/auth/recovery-codes", json=body)
            codes = response.json()["recovery_codes"]
            key = {"name": "deploy", "permissions": [], **body, "code": codes[0]}
            await ada.call("POST", "/auth/api-keys", json=key)
            await ada.call("POST", "/auth/totp/off", json={**body, "code": next_code(totp)})
        mail.wait_for_message("ada@example.com", 4)
        texts = [plain_text(message) for message in mail.messages_to("ada@example.com")]
    for words in ("turned on", "turned off", "codes were replaced", 'key "deploy" was created'):
        assert len([text for text in texts if words in " ".join(text.split())]) == 1, words


async def test_user_without_an_account_row_has_no_second_factor(ada: Person) -> None:
    table = accounts_of(ada.app).tables.credentials
    await database_of(ada.app).rows(update(table).values(password_hash=None))
    response = await ada.call("POST", "/auth/totp", json={"current_password": PASSWORD})
    assert_problem(response, 403, "wrong-password")
