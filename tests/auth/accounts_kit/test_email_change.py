"""A changed e-mail address: the new mailbox confirms it, the old one hears of it."""

import asyncio

from httpx import AsyncClient, Response
from sqlalchemy import select

from app.models import User
from tests.auth.flows_support import (
    ADA,
    PASSWORD,
    add_user,
    bearer,
    confirm,
    count_rows,
    is_signed_in,
    request_reset,
    sign_in,
    statuses,
)
from tests.auth.people import accounts_of, database_of
from kit.application import Service
from kit.testing import assert_problem
from kit.testing.accounts import Mails

NEW = "new@example.com"
EVE = "eve@example.com"


async def request_change(
    client: AsyncClient, session: str, email: str = NEW, password: str = PASSWORD
) -> Response:
    body = {"email": email, "current_password": password}
    return await client.post("/auth/email", json=body, headers=bearer(session))


async def follow(client: AsyncClient, session: str, token: str) -> Response:
    return await client.post("/auth/email/confirm", json={"token": token}, headers=bearer(session))


async def emails(app: Service) -> list[str]:
    rows = await database_of(app).rows(select(User.email).order_by(User.email))
    return [row["email"] for row in rows]


async def test_address_changes_with_the_link(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    session, other = await sign_in(visitor), await sign_in(visitor)
    response = await request_change(visitor, session, "NEW@example.com")
    assert response.status_code == 202
    assert await emails(app) == [ADA]
    token = (await mails.wait_for(NEW)).token
    assert (await follow(visitor, session, token)).status_code == 204
    assert await emails(app) == [NEW]
    assert await is_signed_in(visitor, session)
    assert not await is_signed_in(visitor, other)
    await sign_in(visitor, NEW)
    assert [(mail.kind, mail.to) for mail in mails.all] == [
        ("email_change", NEW),
        ("email_changed", ADA),
    ]
    assert mails.all[0].link == f"https://tests.invalid/confirm-email#token={token}"


async def test_row_knows_when_it_was_changed(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    session = await sign_in(visitor)
    await request_change(visitor, session)
    await follow(visitor, session, (await mails.wait_for(NEW)).token)
    row = (await database_of(app).rows(select(User.created_at, User.updated_at)))[0]
    assert row["updated_at"] > row["created_at"]


async def test_wrong_password_sends_nothing(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    session = await sign_in(visitor)
    response = await request_change(visitor, session, password="another one entirely")
    assert_problem(response, 403, "wrong-password")
    assert mails.all == []


async def test_address_of_another_user_gets_no_mail(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    await add_user(app, EVE)
    session = await sign_in(visitor)
    answers = set()
    for email in (EVE, ADA, NEW):
        response = await request_change(visitor, session, email)
        answers.add((response.status_code, response.text))
    assert len(answers) == 1
    assert [mail.to for mail in mails.all] == [NEW]


async def test_address_that_was_taken_meanwhile(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    session, other = await sign_in(visitor), await sign_in(visitor)
    await request_change(visitor, session)
    await add_user(app, NEW)
    response = await follow(visitor, session, (await mails.wait_for(NEW)).token)
    assert_problem(response, 400, "invalid-token")
    assert await emails(app) == [ADA, NEW]
    assert await is_signed_in(visitor, other)
    assert [mail.kind for mail in mails.all] == ["email_change"]


async def test_nobody_attaches_an_account_to_the_mailbox_of_another(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    """Eve requests the address of a user, who follows the link."""
    await add_user(app, EVE)
    await request_change(visitor, await sign_in(visitor, EVE))
    token = (await mails.wait_for(NEW)).token
    await add_user(app)
    response = await follow(visitor, await sign_in(visitor), token)
    assert_problem(response, 400, "invalid-token")
    response = await visitor.post("/auth/email/confirm", json={"token": token})
    assert_problem(response, 401, "missing-credentials")
    assert await emails(app) == [ADA, EVE]


async def test_newer_request_replaces_the_older_one(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    await add_user(app, EVE)
    of_eve = await sign_in(visitor, EVE)
    await request_change(visitor, of_eve)
    session = await sign_in(visitor)
    await request_change(visitor, session, "older@example.com")
    await request_change(visitor, session)
    older = mails.to("older@example.com")[0].token
    assert_problem(await follow(visitor, session, older), 400, "invalid-token")
    # The request of another user for the same address was not replaced.
    assert (await follow(visitor, of_eve, mails.to(NEW)[0].token)).status_code == 204


async def test_reset_requested_before_does_not_work_after(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    reset = await request_reset(visitor, mails)
    session = await sign_in(visitor)
    await request_change(visitor, session)
    await follow(visitor, session, (await mails.wait_for(NEW)).token)
    assert_problem(await confirm(visitor, "password-reset", reset), 400, "invalid-token")
    assert await count_rows(app, accounts_of(app).tables.email_tokens) == 0


async def test_mails_to_an_address_are_limited(
    visitor: AsyncClient, app: Service, mails: Mails
) -> None:
    await add_user(app)
    session = await sign_in(visitor)
    for _ in range(10):
        assert (await request_change(visitor, session)).status_code == 202
    assert_problem(await request_change(visitor, session), 429, "too-many-attempts")


async def test_token_works_once_of_fifty_times(
    served: Service, crowd: AsyncClient, mails: Mails
) -> None:
    await add_user(served)
    session = await sign_in(crowd)
    await request_change(crowd, session)
    token = (await mails.wait_for(NEW)).token
    responses = await asyncio.gather(*[follow(crowd, session, token) for _ in range(50)])
    assert statuses(responses) == {204: 1, 400: 49}
    assert len(mails.to(ADA)) == 1


async def test_one_of_two_users_gets_the_address(
    served: Service, crowd: AsyncClient, mails: Mails
) -> None:
    requests: list[tuple[str, str]] = []
    for email in (ADA, EVE):
        await add_user(served, email)
        session = await sign_in(crowd, email)
        await request_change(crowd, session)
        requests.append((session, (await mails.wait_for(NEW, len(requests) + 1)).token))
    responses = await asyncio.gather(*[follow(crowd, *request) for request in requests])
    assert statuses(responses) == {204: 1, 400: 1}
    assert NEW in await emails(served)
