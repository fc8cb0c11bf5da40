"""Users sign in with passkeys; replays, copies of keys and other pages are refused."""

import asyncio
from datetime import timedelta

from sqlalchemy import select, update

from tests.auth.passkey_support import SIGN_IN, Laptop, send
from tests.auth.people import (
    accounts_of,
    counts,
    database_of,
    turn_on_second_factor,
)
from tests.auth.software_authenticator import PRESENT, VERIFIED
from kit._internal.auth.accounts.cleaning import clean
from kit.application import Service
from kit.models import utc_now
from kit.testing import assert_problem, client_of

ATTEMPTS = 50


async def change_user(app: Service, **values: object) -> None:
    await database_of(app).rows(update(accounts_of(app).tables.users).values(values))


async def test_passkey_signs_in(laptop: Laptop) -> None:
    response = await laptop.try_to_sign_in()
    assert response.status_code == 201, response.text
    assert await laptop.person.with_token(response.json()["token"]).is_signed_in()


async def test_browser_gets_a_cookie_and_its_old_session_ends(laptop: Laptop) -> None:
    """Session fixation: the token that the browser had is worth nothing afterwards."""
    body = {**await laptop.answer(), "transport": "cookie"}
    response = await send(laptop.person.app, body, cookie=laptop.person.token)
    assert response.json()["token"] is None
    assert not await laptop.person.is_signed_in()
    assert await laptop.person.with_token(response.cookies["__Host-session"]).is_signed_in()


async def test_options_to_sign_in_name_nobody(laptop: Laptop) -> None:
    async with client_of(laptop.person.app) as client:
        options = (await client.post(f"{SIGN_IN}/options")).json()
    assert {*options} <= {"challenge", "timeout", "rpId", "allowCredentials", "userVerification"}
    assert not options.get("allowCredentials")
    assert options["rpId"] == "tests.invalid"


async def test_sign_in_asks_for_no_code(laptop: Laptop) -> None:
    """The authenticator has verified its user: a passkey is both factors."""
    await turn_on_second_factor(laptop.person)
    assert_problem(await laptop.person.try_to_sign_in(), 401, "code-required")
    assert (await laptop.try_to_sign_in()).status_code == 201


async def test_authenticator_has_to_verify_its_user(laptop: Laptop) -> None:
    laptop.authenticator.flags = PRESENT
    assert_problem(await laptop.try_to_sign_in(), 401, "wrong-passkey")
    laptop.authenticator.flags = PRESENT | VERIFIED
    assert (await laptop.try_to_sign_in()).status_code == 201


async def test_challenge_expires(laptop: Laptop) -> None:
    body = await laptop.answer()
    table = accounts_of(laptop.person.app).tables.passkey_challenges
    past = utc_now() - timedelta(seconds=1)
    await database_of(laptop.person.app).rows(update(table).values(expires_at=past))
    assert_problem(await send(laptop.person.app, body), 401, "wrong-passkey")


async def test_expired_challenges_are_deleted(laptop: Laptop) -> None:
    app = laptop.person.app
    accounts, database = accounts_of(app), database_of(app)
    await laptop.answer()
    table = accounts.tables.passkey_challenges
    past = utc_now() - timedelta(seconds=1)
    await database.rows(update(table).values(expires_at=past))
    await laptop.answer()
    counts_of_rows = await clean(database, accounts.tables, accounts.settings)
    assert counts_of_rows["challenges of passkeys"] == 1
    assert len(await database.rows(select(table))) == 1


async def test_wrong_answer_uses_up_the_challenge(laptop: Laptop) -> None:
    right = await laptop.answer()
    wrong = {**right, "credential": {**right["credential"], "id": "AAAA", "rawId": "AAAA"}}
    assert_problem(await send(laptop.person.app, wrong), 401, "wrong-passkey")
    assert_problem(await send(laptop.person.app, right), 401, "wrong-passkey")


async def test_page_of_another_origin_is_refused(laptop: Laptop) -> None:
    laptop.authenticator.origin = "https://tests.invalid.evil.example"
    assert_problem(await laptop.try_to_sign_in(), 401, "wrong-passkey")


async def test_sign_count_that_goes_back_is_refused(laptop: Laptop) -> None:
    assert (await laptop.try_to_sign_in()).status_code == 201
    # That of the sign-in before.
    laptop.authenticator.count -= 1
    assert_problem(await laptop.try_to_sign_in(), 401, "wrong-passkey")


async def test_sign_count_may_have_32_bits(laptop: Laptop) -> None:
    laptop.authenticator.count = 2**32 - 1
    body = await laptop.answer()
    assert (await send(laptop.person.app, body)).status_code == 201


async def test_inactive_user_is_refused(laptop: Laptop) -> None:
    await change_user(laptop.person.app, is_active=False)
    assert_problem(await laptop.try_to_sign_in(), 401, "wrong-passkey")


async def test_passkey_goes_with_its_user(laptop: Laptop) -> None:
    app = laptop.person.app
    await laptop.try_to_begin()
    await database_of(app).rows(accounts_of(app).tables.users.delete())
    assert_problem(await laptop.try_to_sign_in(), 401, "wrong-passkey")
    assert await database_of(app).rows(select(accounts_of(app).tables.passkeys)) == []


async def test_answer_works_once_in_many_sign_ins_at_once(busy_laptop: Laptop) -> None:
    body = await busy_laptop.answer()
    responses = await asyncio.gather(*[send(busy_laptop.person.app, body) for _ in range(ATTEMPTS)])
    assert counts(responses) == {201: 1, 401: ATTEMPTS - 1}


async def test_count_is_used_once_by_copies_of_a_key(busy_laptop: Laptop) -> None:
    """With challenges of their own, but the same sign count."""
    bodies = []
    for _ in range(10):
        busy_laptop.authenticator.count = 7
        bodies.append(await busy_laptop.answer())
    responses = await asyncio.gather(*[send(busy_laptop.person.app, body) for body in bodies])
    assert counts(responses) == {201: 1, 401: 9}


async def test_options_are_limited_by_address(laptop: Laptop) -> None:
    """Sign-ins that succeed do not count; passwords can still be used."""
    app = laptop.person.app
    limit = accounts_of(app).limits.per_address
    assert (await laptop.try_to_sign_in()).status_code == 201
    async with client_of(app) as client:
        responses = [await client.post(f"{SIGN_IN}/options") for _ in range(limit + 1)]
    assert counts(responses) == {200: limit, 429: 1}
    assert (await laptop.person.try_to_sign_in()).status_code == 201


async def test_page_of_another_site_signs_nobody_in(laptop: Laptop) -> None:
    body = await laptop.answer()
    async with client_of(laptop.person.app) as client:
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        response = await client.post(SIGN_IN, json=body, headers=headers)
    assert_problem(response, 403, "cross-origin-request")
