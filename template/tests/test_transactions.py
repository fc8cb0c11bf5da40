import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import Connection, Uuid, bindparam, event, func, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool
from starlette.types import Message, Receive, Scope, Send

from app.db import Database, WriteSession, select_columns
from app.models import User
from tests.serving import assert_problem, client_of

ADA = {"email": "ada@example.com", "name": "Ada"}
INSERT = text("INSERT INTO users (id, email, name) VALUES (:id, :email, 'Raw')").bindparams(
    bindparam("id", type_=Uuid())
)


async def count_users(app: FastAPI) -> int:
    """Count those that any other connection sees."""
    database: Database = app.state.database
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(User)) or 0


def checked_out(app: FastAPI) -> int:
    pool = app.state.database.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


async def test_commit_comes_before_the_response(own_app: FastAPI) -> None:
    seen = []

    async def look_at_start(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_look(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.append((await count_users(own_app), checked_out(own_app)))
            await send(message)

        await own_app(scope, receive, send_and_look)

    async with client_of(look_at_start) as client:
        assert (await client.post("/users", json=ADA)).status_code == 201
    assert seen == [(1, 0)]


async def test_failed_request_leaves_nothing(own_app: FastAPI, own_client: AsyncClient) -> None:
    @own_app.post("/broken")
    async def fail(session: WriteSession) -> None:
        session.add(User(**ADA))
        await session.flush()
        raise RuntimeError

    assert_problem(await own_client.post("/broken"), 500)
    assert await count_users(own_app) == 0


async def test_failed_commit_is_a_failed_request(own_app: FastAPI, own_client: AsyncClient) -> None:
    @event.listens_for(own_app.state.database.engine.sync_engine, "commit")
    def fail(_connection: Connection) -> None:
        raise OperationalError("COMMIT", None, ConnectionError("lost"))

    response = await own_client.post("/users", json=ADA)
    assert response.is_server_error
    assert response.headers["Content-Type"] == "application/problem+json"
    assert await count_users(own_app) == 0
    assert checked_out(own_app) == 0


async def test_cancelled_request_leaves_nothing(own_app: FastAPI, own_client: AsyncClient) -> None:
    flushed = asyncio.Event()

    @own_app.post("/slow")
    async def wait(session: WriteSession) -> None:
        session.add(User(**ADA))
        await session.flush()
        flushed.set()
        await asyncio.Event().wait()

    request = asyncio.create_task(own_client.post("/slow"))
    await asyncio.wait_for(flushed.wait(), 30)
    assert checked_out(own_app) == 1
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert checked_out(own_app) == 0
    assert await count_users(own_app) == 0


async def test_cancelled_read_keeps_no_connection(own_app: FastAPI) -> None:
    database, statement = own_app.state.database, select_columns(User)
    # However far it has come: before the statement, waiting for its rows, done.
    for turns in range(40):
        assert await database.rows(statement) == []
        reading = asyncio.create_task(database.rows(statement))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        assert checked_out(own_app) == 0


async def test_only_one_of_concurrent_requests_gets_an_email(
    own_app: FastAPI, own_client: AsyncClient
) -> None:
    requests = (own_client.post("/users", json=ADA) for _ in range(8))
    statuses = [response.status_code for response in await asyncio.gather(*requests)]
    assert sorted(statuses) == [201] + [409] * 7
    assert await count_users(own_app) == 1


async def test_insert_in_sql_gets_times_and_defaults(database: Database) -> None:
    async with database.writing.begin() as session:
        await session.execute(INSERT, {"id": uuid4(), "email": "raw@example.com"})
        user = (await session.scalars(select(User))).one()
    assert user.is_active
    for time in (user.created_at, user.updated_at):
        assert time.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


async def test_update_of_many_rows_moves_updated_at(database: Database) -> None:
    async with database.writing.begin() as session:
        user = User(**ADA)
        session.add(user)
        await session.flush()
        created, updated = user.created_at, user.updated_at
        await session.execute(update(User).values(name="All"))
        await session.refresh(user)
    assert user.created_at == created
    assert user.updated_at > updated


async def test_database_itself_refuses_an_email_in_upper_case(database: Database) -> None:
    async with database.writing() as session:
        with pytest.raises(IntegrityError, match="ck_users_email_lower_case"):
            await session.execute(INSERT, {"id": uuid4(), "email": "ADA@example.com"})
