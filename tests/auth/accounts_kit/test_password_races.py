"""A sign-in with the old password while it is changed: no session outlives the change."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from httpx import AsyncClient, Response

from tests.auth.flows_support import (
    ADA,
    OTHER_PASSWORD,
    add_user,
    confirm,
    count_rows,
    is_signed_in,
    request_reset,
    sign_in,
    token_of,
    try_to_sign_in,
)
from tests.auth.people import accounts_of, database_of
from kit._internal.auth.accounts.passwords import Verification
from kit.application import Service
from kit.testing import assert_problem
from kit.testing.accounts import Mails

# Seconds that a request has to wait for another one to be seen waiting.
PATIENCE = 0.5


async def start(request: Coroutine[Any, Any, Response]) -> "asyncio.Task[Response]":
    """Send a request in a task, which has to wait for something."""
    task = asyncio.create_task(request)
    done, _ = await asyncio.wait({task}, timeout=PATIENCE)
    assert not done, task.result().text
    return task


async def sessions_in(app: Service) -> int:
    return await count_rows(app, accounts_of(app).tables.sessions)


async def test_password_was_verified_before_the_change(
    served: Service, crowd: AsyncClient, mails: Mails, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_user(served)
    token = await request_reset(crowd, mails)
    gate, hasher = asyncio.Event(), accounts_of(served).hasher
    verify = hasher.verify

    async def verify_and_wait(password: str, stored: str | None) -> Verification:
        verification = await verify(password, stored)
        await gate.wait()
        return verification

    with monkeypatch.context() as patch:
        patch.setattr(hasher, "verify", verify_and_wait)
        old = await start(try_to_sign_in(crowd))
        token_of(await confirm(crowd, "password-reset", token, OTHER_PASSWORD))
        gate.set()
        assert_problem(await old, 401, "wrong-password")
    assert await sessions_in(served) == 1


async def test_sign_in_waits_for_a_change_that_is_not_committed(
    served: Service, crowd: AsyncClient
) -> None:
    """Otherwise it would read the old password, and begin its session after the others ended."""
    user_id = await add_user(served)
    accounts = accounts_of(served)
    password_hash = await accounts.hasher.hash(OTHER_PASSWORD)
    async with database_of(served).write_sessions.begin() as transaction:
        await accounts.lookup.lock(transaction, user_id)
        await accounts.credentials.store_password(transaction, user_id, password_hash)
        await accounts.sessions.end_all(transaction, user_id)
        old = await start(try_to_sign_in(crowd))
    assert_problem(await old, 401, "wrong-password")
    assert await sessions_in(served) == 0


async def test_change_waits_for_a_sign_in_that_is_not_committed(
    served: Service, crowd: AsyncClient, mails: Mails
) -> None:
    """Otherwise it would not see the session, and leave it."""
    user_id = await add_user(served)
    accounts = accounts_of(served)
    token = await request_reset(crowd, mails)
    async with database_of(served).write_sessions.begin() as transaction:
        await accounts.lookup.lock(transaction, user_id)
        session = await accounts.sessions.begin(transaction, user_id, "old")
        change = await start(confirm(crowd, "password-reset", token, OTHER_PASSWORD))
    renewed = token_of(await change)
    assert await is_signed_in(crowd, renewed)
    assert not await is_signed_in(crowd, session.token)


async def test_new_session_is_not_lost_in_a_crowd(
    served: Service, crowd: AsyncClient, mails: Mails
) -> None:
    await add_user(served)
    token = await request_reset(crowd, mails)
    requests = [try_to_sign_in(crowd) for _ in range(8)]
    requests.insert(4, confirm(crowd, "password-reset", token, OTHER_PASSWORD))
    responses = await asyncio.gather(*requests)
    assert responses[4].status_code == 201
    assert {response.status_code for response in responses} <= {201, 401}
    for response in [*responses[:4], *responses[5:]]:
        if response.status_code == 201:
            assert not await is_signed_in(crowd, token_of(response))
    assert await is_signed_in(crowd, token_of(responses[4]))


async def test_another_hash_of_the_same_password_keeps_sign_ins(
    served: Service, crowd: AsyncClient
) -> None:
    """Each of the sign-ins stores a hash with the current parameters."""
    await add_user(served)
    accounts = accounts_of(served)
    verify = accounts.hasher.verify

    async def verify_old(password: str, stored: str | None) -> Verification:
        verification = await verify(password, stored)
        new_hash = await accounts.hasher.hash(password)
        return Verification(verification.matches, new_hash)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts.hasher, "verify", verify_old)
        responses = await asyncio.gather(*[try_to_sign_in(crowd) for _ in range(5)])
    assert [response.status_code for response in responses] == [201] * 5
    await sign_in(crowd, ADA)


async def test_second_factor_that_was_turned_on_meanwhile(
    served: Service, crowd: AsyncClient
) -> None:
    user_id = await add_user(served)
    accounts = accounts_of(served)
    table = accounts.tables.credentials
    async with database_of(served).write_sessions.begin() as transaction:
        # Without the lock: an update of the credentials suffices.
        change = table.update().where(table.c.user_id == user_id)
        await transaction.execute(change.values(totp_secret="JBSWY3DPEHPK3PXP"))
        old = await start(try_to_sign_in(crowd))
    assert (await old).status_code == 401
    assert await sessions_in(served) == 0
