"""A forgotten password: the owner of the mailbox sets another, and all sessions end."""

import asyncio
from datetime import timedelta

import pyotp
import pytest
from httpx import AsyncClient
from sqlalchemy import delete, insert, select, update

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
    sign_in,
    statuses,
    token_of,
    try_to_sign_in,
)
from tests.auth.people import accounts_of, database_of
from kit.application import Service
from kit.testing import assert_problem
from kit.testing.accounts import Mails

EVE = "eve@example.com"


async def test_reset_ends_all_sessions_and_begins_one(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    older = [await sign_in(visitor), await sign_in(visitor)]
    token = await request_reset(visitor, mails)
    session = token_of(await confirm(visitor, "password-reset", token, OTHER_PASSWORD))
    assert await is_signed_in(visitor, session)
    for ended in older:
        assert not await is_signed_in(visitor, ended)
    assert_problem(await try_to_sign_in(visitor), 401, "wrong-password")
    await sign_in(visitor, ADA, OTHER_PASSWORD)


async def test_mails_of_a_reset(visitor: AsyncClient, app: Service, mails: Mails) -> None:
    await add_user(app)
    token = await request_reset(visitor, mails)
    token_of(await confirm(visitor, "password-reset", token, OTHER_PASSWORD))
    assert [(mail.kind, mail.to) for mail in mails.all] == [
        ("password_reset", ADA),
        ("password_changed", ADA),
    ]
    assert mails.all[0].link == f"https://tests.invalid/reset-password#token={token}"
    assert "30 minutes" in str(mails.all[0].message)
    for mail in mails.all:
        assert "Hello Ada Lovelace" in str(mail.message)


async def test_user_from_before_accounts_sets_a_password(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app, ADA, None)
    assert_problem(await try_to_sign_in(visitor), 401, "wrong-password")
    session = token_of(
        await confirm(visitor, "password-reset", await request_reset(visitor, mails))
    )
    assert await is_signed_in(visitor, session)
    await sign_in(visitor)


async def test_inactive_user_gets_nothing(visitor: AsyncClient, app: Service, mails: Mails) -> None:
    await add_user(app)
    token = await request_reset(visitor, mails)
    await database_of(app).rows(update(User).values(is_active=False))
    response = await confirm(visitor, "password-reset", token, OTHER_PASSWORD)
    assert_problem(response, 400, "invalid-token")
    await visitor.post("/auth/password-reset", json={"email": ADA})
    assert [mail.kind for mail in mails.all] == ["password_reset"]


async def test_token_of_a_deleted_user(visitor: AsyncClient, app: Service, mails: Mails) -> None:
    await add_user(app)
    token = await request_reset(visitor, mails)
    await database_of(app).rows(delete(User))
    assert_problem(await confirm(visitor, "password-reset", token), 400, "invalid-token")
    assert await count_rows(app, accounts_of(app).tables.email_tokens) == 0


async def test_token_for_an_address_that_the_user_no_longer_has(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    """An administrator has changed it: the older mailbox may belong to another person now."""
    await add_user(app)
    token = await request_reset(visitor, mails)
    await database_of(app).rows(update(User).values(email="new@example.com"))
    assert_problem(await confirm(visitor, "password-reset", token), 400, "invalid-token")


async def test_token_expires(visitor: AsyncClient, app: Service, mails: Mails) -> None:
    await add_user(app)
    token = await request_reset(visitor, mails)
    lifetime = await expire_token(app)
    assert abs(lifetime - timedelta(minutes=30)) < timedelta(seconds=1)
    assert_problem(await confirm(visitor, "password-reset", token), 400, "invalid-token")


async def test_token_of_another_purpose_is_refused(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    session = await sign_in(visitor)
    body = {"email": "new@example.com", "current_password": PASSWORD}
    await visitor.post("/auth/email", json=body, headers=bearer(session))
    token = (await mails.wait_for("new@example.com")).token
    response = await confirm(visitor, "password-reset", token, OTHER_PASSWORD)
    assert_problem(response, 400, "invalid-token")


async def test_newer_token_replaces_the_older_one(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    await add_user(app, EVE)
    of_eve = await request_reset(visitor, mails, EVE)
    older = await request_reset(visitor, mails)
    newer = await request_reset(visitor, mails)
    assert_problem(await confirm(visitor, "password-reset", older), 400, "invalid-token")
    token_of(await confirm(visitor, "password-reset", newer))
    token_of(await confirm(visitor, "password-reset", of_eve))


async def test_token_works_once_of_fifty_times(
    served: Service, crowd: AsyncClient, mails: Mails
) -> None:
    await add_user(served)
    token = await request_reset(crowd, mails)
    passwords = [f"{OTHER_PASSWORD} {number}" for number in range(50)]
    responses = await asyncio.gather(
        *[confirm(crowd, "password-reset", token, password) for password in passwords]
    )
    assert statuses(responses) == {201: 1, 400: 49}
    winner = [response.status_code for response in responses].index(201)
    assert await is_signed_in(crowd, token_of(responses[winner]))
    await sign_in(crowd, ADA, passwords[winner])
    await mails.wait_for(ADA, 2)
    assert [mail.kind for mail in mails.all] == ["password_reset", "password_changed"]


async def test_weak_password_keeps_the_token(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    token = await request_reset(visitor, mails)
    for password, reason in (("short", "too-short"), ("Ada Lovelace 2026", "personal")):
        response = await confirm(visitor, "password-reset", token, password)
        assert assert_problem(response, 422, "weak-password")["reason"] == reason
    await sign_in(visitor)
    token_of(await confirm(visitor, "password-reset", token, OTHER_PASSWORD))


async def test_pending_tokens_end_with_the_old_password(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    session = await sign_in(visitor)
    body = {"email": "new@example.com", "current_password": PASSWORD}
    await visitor.post("/auth/email", json=body, headers=bearer(session))
    assert await count_rows(app, accounts_of(app).tables.email_tokens) == 1
    token = await request_reset(visitor, mails)
    token_of(await confirm(visitor, "password-reset", token, OTHER_PASSWORD))
    assert await count_rows(app, accounts_of(app).tables.email_tokens) == 0


async def test_mailbox_does_not_replace_the_second_factor(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    user_id = await add_user(app)
    secret = pyotp.random_base32()
    table = accounts_of(app).tables.credentials
    await database_of(app).rows(
        update(table).where(table.c.user_id == user_id).values(totp_secret=secret)
    )
    token = await request_reset(visitor, mails)
    response = await confirm(visitor, "password-reset", token, OTHER_PASSWORD)
    assert_problem(response, 401, "code-required")
    for _ in range(9):
        response = await confirm(visitor, "password-reset", token, OTHER_PASSWORD, code="000000")
        assert_problem(response, 401, "wrong-code")
    code = pyotp.TOTP(secret).now()
    response = await confirm(visitor, "password-reset", token, OTHER_PASSWORD, code=code)
    assert_problem(response, 429, "too-many-attempts")
    limits = accounts_of(app).limits
    await limits.reset(database_of(app), limits.keys(ADA, "127.0.0.1"))
    response = await confirm(visitor, "password-reset", token, OTHER_PASSWORD, code=code)
    assert await is_signed_in(visitor, token_of(response))


async def test_reset_keeps_the_second_factor_and_the_roles(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    user_id = await add_user(app)
    tables = accounts_of(app).tables
    role = {"name": "reader", "permissions": ["users:read"]}
    await database_of(app).rows(insert(tables.roles).values(role))
    grant = {"user_id": user_id, "role": "reader"}
    await database_of(app).rows(insert(tables.user_roles).values(grant))
    token = await request_reset(visitor, mails)
    session = token_of(await confirm(visitor, "password-reset", token, OTHER_PASSWORD))
    me = await visitor.get("/auth/me", headers=bearer(session))
    assert me.json()["permissions"] == ["users:read"]
    rows = await database_of(app).rows(select(tables.credentials))
    assert len(rows) == 1


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "x", "password": ""}])
async def test_incomplete_request_is_refused(visitor: AsyncClient, body: dict[str, str]) -> None:
    response = await visitor.post("/auth/password-reset/confirm", json=body)
    assert_problem(response, 422, "invalid-request")
