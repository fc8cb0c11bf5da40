"""Signing up: the owner of the mailbox sets the password, and nobody learns who has an account."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import URL, update

from app.models import User
from tests.auth.flows_support import (
    ADA,
    OTHER_PASSWORD,
    PASSWORD,
    add_user,
    bearer,
    confirm,
    count_rows,
    expire_token,
    is_signed_in,
    request_reset,
    request_sign_up,
    sign_in,
    statuses,
    token_of,
    try_to_sign_in,
)
from tests.auth.people import accounts_of, database_of
from kit.application import Service
from kit.testing import TestedService, assert_problem, client_of
from kit.testing.accounts import Mails

SIGN_UP = {"email": ADA, "name": "Ada Lovelace"}


async def test_user_signs_up_by_mail(visitor: AsyncClient, app: Service, mails: Mails) -> None:
    token = await request_sign_up(visitor, mails)
    assert await count_rows(app, User.__table__) == 0
    session = token_of(await confirm(visitor, "sign-up", token))
    me = (await visitor.get("/auth/me", headers=bearer(session))).json()
    user = await database_of(app).rows(User.__table__.select())
    assert [row["email"] for row in user] == [ADA]
    assert [row["name"] for row in user] == ["Ada Lovelace"]
    assert me == {"subject": str(user[0]["id"]), "kind": "user", "permissions": []}
    assert await sign_in(visitor)


async def test_browser_gets_a_cookie_and_its_older_session_ends(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app, "eve@example.com")
    older = await sign_in(visitor, "eve@example.com")
    body = {"token": await request_sign_up(visitor, mails), "password": PASSWORD}
    cookie = {"Cookie": f"__Host-session={older}"}
    response = await visitor.post("/auth/sign-up/confirm", json=body, headers=cookie)
    assert response.json()["token"] is None
    assert "__Host-session=session_" in response.headers["Set-Cookie"]
    assert not await is_signed_in(visitor, older)


async def test_mail_is_for_the_page_that_asks_for_the_password(
    visitor: AsyncClient, mails: Mails
) -> None:
    token = await request_sign_up(visitor, mails)
    mail = mails.all[0]
    assert (mail.kind, mail.to) == ("sign_up", ADA)
    assert mail.link == f"https://tests.invalid/finish-sign-up#token={token}"
    assert "24 hours" in str(mail.message)


async def test_known_address_gets_another_mail(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    await visitor.post("/auth/sign-up", json=SIGN_UP | {"email": "ADA@example.com"})
    assert [(mail.kind, mail.to) for mail in mails.all] == [("account_exists", ADA)]
    assert await count_rows(app, accounts_of(app).tables.email_tokens) == 0


async def test_token_works_once_of_fifty_times(
    served: Service, crowd: AsyncClient, mails: Mails
) -> None:
    token = await request_sign_up(crowd, mails)
    responses = await asyncio.gather(*[confirm(crowd, "sign-up", token) for _ in range(50)])
    assert statuses(responses) == {201: 1, 400: 49}
    assert await count_rows(served, User.__table__) == 1
    assert await count_rows(served, accounts_of(served).tables.sessions) == 1
    await sign_in(crowd)


async def test_used_token_and_others_have_one_answer(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app, "eve@example.com")
    used = await request_sign_up(visitor, mails)
    token_of(await confirm(visitor, "sign-up", used))
    of_a_reset = await request_reset(visitor, mails, "eve@example.com")
    details = set()
    for token in (used, of_a_reset, "unknown", "ü", "x" * 200):
        problem = assert_problem(await confirm(visitor, "sign-up", token), 400, "invalid-token")
        details.add(problem["detail"])
    assert len(details) == 1
    # The token of the other purpose was not used up.
    token_of(await confirm(visitor, "password-reset", of_a_reset))


async def test_newer_token_replaces_the_older_one(visitor: AsyncClient, mails: Mails) -> None:
    older = await request_sign_up(visitor, mails)
    newer = await request_sign_up(visitor, mails)
    assert_problem(await confirm(visitor, "sign-up", older), 400, "invalid-token")
    token_of(await confirm(visitor, "sign-up", newer))


async def test_token_expires(visitor: AsyncClient, app: Service, mails: Mails) -> None:
    token = await request_sign_up(visitor, mails)
    lifetime = await expire_token(app)
    assert abs(lifetime - timedelta(days=1)) < timedelta(seconds=1)
    assert_problem(await confirm(visitor, "sign-up", token), 400, "invalid-token")


async def test_address_that_was_taken_meanwhile(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    token = await request_sign_up(visitor, mails)
    await add_user(app)
    response = await confirm(visitor, "sign-up", token, OTHER_PASSWORD)
    assert_problem(response, 400, "invalid-token")
    await sign_in(visitor)
    assert_problem(await try_to_sign_in(visitor, ADA, OTHER_PASSWORD), 401, "wrong-password")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "too-short"),
        ("x" * 257, "too-long"),
        ("passwordpassword", "common"),
        ("Lovelace.ada@example.com", "personal"),
        ("Ada Lovelace 1815", "personal"),
    ],
)
async def test_weak_password_is_refused_with_a_reason(
    visitor: AsyncClient, app: Service, mails: Mails, password: str, reason: str
) -> None:
    token = await request_sign_up(visitor, mails)
    response = await confirm(visitor, "sign-up", token, password)
    assert assert_problem(response, 422, "weak-password")["reason"] == reason
    assert await count_rows(app, User.__table__) == 0
    # The link still works.
    token_of(await confirm(visitor, "sign-up", token))


async def test_password_is_the_same_however_it_is_composed(
    visitor: AsyncClient, mails: Mails
) -> None:
    composed, decomposed = "\u00fc" * 7 + " straße am meer", "u\u0308" * 7 + " straße am meer"
    token = await request_sign_up(visitor, mails)
    token_of(await confirm(visitor, "sign-up", token, decomposed))
    assert await sign_in(visitor, ADA, composed)
    # Counted by composed characters: these are 14.
    token = await request_sign_up(visitor, mails, "eve@example.com")
    response = await confirm(visitor, "sign-up", token, "u\u0308" * 7 + " am see")
    assert assert_problem(response, 422, "weak-password")["reason"] == "too-short"


@pytest.mark.parametrize("setting", ["invitation", "off"])
async def test_closed_sign_up_is_refused(
    service: TestedService[Any], own_url: URL, mails: Mails, setting: str
) -> None:
    settings = service.settings_for(own_url, auth_sign_up=setting)
    async with service.serve(settings) as app, client_of(app) as client:
        await add_user(app)
        for email in (ADA, "new@example.com"):
            response = await client.post("/auth/sign-up", json=SIGN_UP | {"email": email})
            assert_problem(response, 403, "sign-up-closed")
        await request_reset(client, mails)
        accounts = accounts_of(app)
        token = await accounts.email_tokens.create(
            database_of(app), "sign_up", "new@example.com", 60, details={"name": "New"}
        )
        response = await confirm(client, "sign-up", token)
        assert response.status_code in {400, 403}
        assert await count_rows(app, User.__table__) == 1


async def test_new_user_of_the_service_creates_the_row(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    def new_user(email: str, name: str) -> User:
        return User(email=email, name=f"{name} (new)")

    app.new_user = new_user
    token_of(await confirm(visitor, "sign-up", await request_sign_up(visitor, mails)))
    user = await database_of(app).rows(User.__table__.select())
    assert [row["name"] for row in user] == ["Ada Lovelace (new)"]


async def test_user_who_has_to_be_activated_gets_no_session(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    app.new_user = lambda email, name: User(email=email, name=name, is_active=False)
    token = await request_sign_up(visitor, mails)
    assert_problem(await confirm(visitor, "sign-up", token), 403, "account-inactive")
    assert await count_rows(app, accounts_of(app).tables.sessions) == 0
    await database_of(app).rows(update(User).values(is_active=True))
    await sign_in(visitor)
