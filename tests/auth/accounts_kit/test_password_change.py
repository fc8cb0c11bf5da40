"""A changed password: everything that was possible with the old one ends, except this session."""

import asyncio

import pytest
from httpx import AsyncClient, Response

from tests.auth.flows_support import (
    ADA,
    OTHER_PASSWORD,
    PASSWORD,
    add_user,
    bearer,
    confirm,
    is_signed_in,
    request_reset,
    sign_in,
    statuses,
    token_of,
    try_to_sign_in,
)
from kit.application import Service
from kit.testing import assert_problem
from kit.testing.accounts import Mails


async def change(
    client: AsyncClient,
    session: str,
    current: str = PASSWORD,
    password: str = OTHER_PASSWORD,
    transport: str = "bearer",
) -> Response:
    body = {"current_password": current, "password": password, "transport": transport}
    return await client.post("/auth/password", json=body, headers=bearer(session))


async def test_change_renews_this_session_and_ends_others(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    session, other = await sign_in(visitor), await sign_in(visitor)
    renewed = token_of(await change(visitor, session))
    assert await is_signed_in(visitor, renewed)
    for ended in (session, other):
        assert not await is_signed_in(visitor, ended)
    assert_problem(await try_to_sign_in(visitor), 401, "wrong-password")
    await sign_in(visitor, ADA, OTHER_PASSWORD)
    assert [(mail.kind, mail.to) for mail in mails.all] == [("password_changed", ADA)]


async def test_browser_gets_the_renewed_session_as_a_cookie(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    response = await change(visitor, await sign_in(visitor), transport="cookie")
    assert response.json()["token"] is None
    assert "__Host-session=session_" in response.headers["Set-Cookie"]


async def test_wrong_current_password_changes_nothing(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    session = await sign_in(visitor)
    response = await change(visitor, session, current=OTHER_PASSWORD)
    assert_problem(response, 403, "wrong-password")
    assert await is_signed_in(visitor, session)
    await sign_in(visitor)
    assert mails.all == []


async def test_guesses_with_a_session_are_limited_like_sign_ins(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    session = await sign_in(visitor)
    for number in range(10):
        response = await change(visitor, session, current=f"a guess of mine {number}")
        assert_problem(response, 403, "wrong-password")
    assert_problem(await change(visitor, session), 429, "too-many-attempts")
    assert_problem(await try_to_sign_in(visitor), 429, "too-many-attempts")


async def test_weak_password_is_refused(visitor: AsyncClient, app: Service, mails: Mails) -> None:
    await add_user(app)
    session = await sign_in(visitor)
    for password, reason in (("short", "too-short"), ("ada@example.com.1815", "personal")):
        response = await change(visitor, session, password=password)
        assert assert_problem(response, 422, "weak-password")["reason"] == reason
    assert await is_signed_in(visitor, session)


async def test_pending_tokens_end(visitor: AsyncClient, app: Service, mails: Mails) -> None:
    await add_user(app)
    token = await request_reset(visitor, mails)
    token_of(await change(visitor, await sign_in(visitor)))
    assert_problem(await confirm(visitor, "password-reset", token), 400, "invalid-token")


async def test_sessions_of_others_continue(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    await add_user(app, "eve@example.com")
    of_eve = await sign_in(visitor, "eve@example.com")
    token_of(await change(visitor, await sign_in(visitor)))
    assert await is_signed_in(visitor, of_eve)


async def test_client_without_a_session_is_refused(client: AsyncClient) -> None:
    """`client` is a program with all permissions, such as one with an API key."""
    body = {"current_password": PASSWORD, "password": OTHER_PASSWORD}
    assert_problem(await client.post("/auth/password", json=body), 403, "session-required")


@pytest.mark.usefixtures("mails")
async def test_one_of_concurrent_changes_wins(served: Service, crowd: AsyncClient) -> None:
    await add_user(served)
    # Of a single session, which the winner keeps: it does not end for the others.
    sessions = [await sign_in(crowd)] * 5
    passwords = [f"{OTHER_PASSWORD} {number}" for number in range(5)]
    responses = await asyncio.gather(
        *[
            change(crowd, session, password=password)
            for session, password in zip(sessions, passwords, strict=True)
        ]
    )
    assert statuses(responses)[200] == 1
    assert {response.status_code for response in responses} <= {200, 401, 403}
    winner = [response.status_code for response in responses].index(200)
    assert await is_signed_in(crowd, token_of(responses[winner]))
    for session in sessions:
        assert not await is_signed_in(crowd, session)
    await sign_in(crowd, ADA, passwords[winner])
