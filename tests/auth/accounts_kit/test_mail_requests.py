"""Requests for mails: the same answer for all addresses, bounded work after it, and limits."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import URL

from app.models import User
from tests.auth.flows_support import (
    ADA,
    PASSWORD,
    add_user,
    confirm,
    request_reset,
    request_sign_up,
    sign_in,
    token_of,
)
from tests.auth.people import accounts_of
from kit._internal.auth.accounts import background
from kit._internal.auth.accounts.lookup import Account
from kit._internal.auth.accounts.mail_limits import MAILS_PER_RECIPIENT
from kit.application import Service
from kit.db import Database
from kit.testing import Log, Rows, TestedService, assert_problem, client_of
from kit.testing.accounts import Mails

SIGN_UP = {"email": ADA, "name": "Ada Lovelace"}


async def test_answers_do_not_tell_who_has_an_account(
    visitor: AsyncClient, app: Service, rows: Rows, mails: Mails
) -> None:
    await add_user(app)
    await add_user(app, "before@example.com", password=None)
    await rows(User(email="gone@example.com", name="Gone", is_active=False))
    addresses = [ADA, "before@example.com", "gone@example.com", "new@example.com"]
    for path, body in (("/auth/sign-up", {"name": "Ada"}), ("/auth/password-reset", {})):
        answers = []
        for email in addresses:
            response = await visitor.post(path, json={"email": email, **body})
            headers = dict(response.headers)
            headers.pop("x-request-id")
            answers.append((response.status_code, response.text, headers))
        assert answers[0][0] == 202
        assert answers == [answers[0]] * 4
    kinds = {email: [mail.kind for mail in mails.to(email)] for email in addresses}
    assert kinds == {
        ADA: ["account_exists", "password_reset"],
        "before@example.com": ["account_exists", "password_reset"],
        "gone@example.com": [],
        "new@example.com": ["sign_up"],
    }


@pytest.mark.parametrize("path", ["/auth/sign-up", "/auth/password-reset"])
async def test_account_is_looked_up_after_the_answer(
    served: Service,
    crowd: AsyncClient,
    mails: Mails,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    """Otherwise the time of the answer would tell who has an account."""
    await add_user(served)
    gate = asyncio.Event()
    lookup = accounts_of(served).lookup
    find = lookup.by_email

    async def wait(database: Database, email: str) -> Account | None:
        await gate.wait()
        return await find(database, email)

    monkeypatch.setattr(lookup, "by_email", wait)
    body = SIGN_UP
    if path == "/auth/password-reset":
        body = {"email": ADA}
    response = await crowd.post(path, json=body)
    assert response.status_code == 202
    assert mails.all == []
    gate.set()
    assert (await mails.wait_for(ADA)).kind in {"account_exists", "password_reset"}


async def test_queue_is_bounded_and_refuses_all_alike(
    served: Service, crowd: AsyncClient, mails: Mails, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_user(served)
    monkeypatch.setattr(background, "MAX_WAITING", 3)
    gate = asyncio.Event()
    find = accounts_of(served).lookup.by_email

    async def wait(database: Database, email: str) -> Account | None:
        await gate.wait()
        return await find(database, email)

    monkeypatch.setattr(accounts_of(served).lookup, "by_email", wait)
    for email in ("a@example.com", "b@example.com", "c@example.com"):
        assert (await crowd.post("/auth/password-reset", json={"email": email})).is_success
    for email in (ADA, "unknown@example.com"):
        response = await crowd.post("/auth/password-reset", json={"email": email})
        assert_problem(response, 503, "mail-busy")
        assert response.headers["Retry-After"] == "5"
    gate.set()
    assert await accounts_of(served).worker.wait(30)
    await request_reset(crowd, mails)


async def test_requests_are_limited_by_recipient(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    for email in (ADA, "unknown@example.com"):
        for _ in range(MAILS_PER_RECIPIENT):
            assert (await visitor.post("/auth/password-reset", json={"email": email})).is_success
        for path, body in (("password-reset", {}), ("sign-up", {"name": "Ada"})):
            response = await visitor.post(f"/auth/{path}", json={"email": email, **body})
            assert_problem(response, 429, "too-many-attempts")
            assert int(response.headers["Retry-After"]) > 0
    assert len(mails.to(ADA)) == MAILS_PER_RECIPIENT
    # Nobody keeps a user from signing in by requesting mails.
    await sign_in(visitor)


async def test_requests_are_limited_by_address(
    service: TestedService[Any], own_url: URL, mails: Mails
) -> None:
    settings = service.settings_for(own_url, auth_attempts_per_address=3)
    async with service.serve(settings) as app, client_of(app) as client:
        for number in range(3):
            await request_sign_up(client, mails, f"{number}@example.com")
        response = await client.post("/auth/sign-up", json=SIGN_UP)
        assert_problem(response, 429, "too-many-attempts")
        await add_user(app)
        await sign_in(client)


async def test_log_has_no_address_and_no_token(
    visitor: AsyncClient, mails: Mails, log: Log
) -> None:
    token = await request_sign_up(visitor, mails)
    session = token_of(await confirm(visitor, "sign-up", token))
    await request_reset(visitor, mails)
    text = str(log())
    assert "signed up" in text
    for secret in (ADA, token, session, PASSWORD, mails.all[-1].token):
        assert secret not in text


async def test_app_that_is_not_started_says_how_to_read_mails(visitor: AsyncClient) -> None:
    with pytest.raises(RuntimeError, match="fixture `mails`"):
        await visitor.post("/auth/sign-up", json=SIGN_UP)
