"""Tokens in mails: used once, whatever the transactions around them do."""

import asyncio

import pytest

from tests.auth.flows_support import ADA, add_user, count_rows
from tests.auth.people import accounts_of, database_of
from kit._internal.auth.accounts.email_tokens import (
    INVITATION,
    SIGN_UP,
    EmailToken,
    EmailTokens,
    InvalidTokenError,
)
from kit.application import Service
from kit.db import Database


async def create(app: Service, purpose: str = SIGN_UP, email: str = ADA) -> str:
    tokens = accounts_of(app).email_tokens
    return await tokens.create(database_of(app), purpose, email, 60, details={"name": "Ada"})


async def take(tokens: EmailTokens, database: Database, token: str) -> EmailToken:
    async with database.write_sessions.begin() as transaction:
        taken = await tokens.take(transaction, token, [SIGN_UP])
        # Others try meanwhile.
        await asyncio.sleep(0.01)
    return taken


async def test_token_is_taken_once_of_fifty_times(served: Service) -> None:
    token = await create(served)
    tokens, database = accounts_of(served).email_tokens, database_of(served)
    tries = [take(tokens, database, token) for _ in range(50)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    taken = [result for result in results if isinstance(result, EmailToken)]
    assert taken == [EmailToken(SIGN_UP, ADA, None, {"name": "Ada"})]
    assert sum(isinstance(result, InvalidTokenError) for result in results) == 49


async def test_failed_transaction_gives_the_token_back(served: Service) -> None:
    token = await create(served)
    tokens, database = accounts_of(served).email_tokens, database_of(served)
    async with database.write_sessions() as transaction:
        await tokens.take(transaction, token, [SIGN_UP])
        await transaction.rollback()
    assert (await take(tokens, database, token)).email == ADA


async def test_database_has_no_token(app: Service) -> None:
    token = await create(app)
    rows = await database_of(app).rows(accounts_of(app).tables.email_tokens.select())
    assert len(rows) == 1
    assert token not in str(rows)
    assert len(token) >= 43


async def test_other_purposes_and_addresses_keep_their_tokens(app: Service) -> None:
    first = await create(app)
    await create(app, INVITATION)
    await create(app, SIGN_UP, "eve@example.com")
    tokens, database = accounts_of(app).email_tokens, database_of(app)
    assert (await tokens.find(database, first, [SIGN_UP])).email == ADA
    with pytest.raises(InvalidTokenError):
        await tokens.find(database, first, [INVITATION])


async def test_tokens_of_a_user_end_together(app: Service) -> None:
    user_id = await add_user(app)
    tokens, database = accounts_of(app).email_tokens, database_of(app)
    await tokens.create(database, INVITATION, "eve@example.com", 60, user_id=user_id)
    await create(app, SIGN_UP, "bob@example.com")
    async with database.write_sessions.begin() as transaction:
        await tokens.revoke_of_user(transaction, user_id)
    assert await count_rows(app, accounts_of(app).tables.email_tokens) == 1
