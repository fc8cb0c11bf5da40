import asyncio
import gc
from contextlib import suppress

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import InvalidRequestError, OperationalError
from starlette.types import Message, Receive, Scope, Send

from app.db import WriteSession
from tests.kit.notes import Note, checked_out, count_notes, create_tables
from tests.kit.support import concurrent_statuses
from kit.db import Database
from kit.testing import assert_problem, client_of


@pytest.fixture
async def app(own_app: FastAPI) -> FastAPI:
    """The service with a table and a route of the tests' own."""

    @own_app.post("/notes", status_code=201)
    async def create_note(title: str, session: WriteSession) -> int:
        note = Note(title=title)
        session.add(note)
        await session.flush()
        return note.id

    await create_tables(own_app.state.database)
    return own_app


@pytest.fixture
async def notes(app: FastAPI, own_client: AsyncClient) -> AsyncClient:
    return own_client


async def test_commit_comes_before_the_response(app: FastAPI) -> None:
    seen = []

    async def look_at_start(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_look(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.append((await count_notes(app.state.database), checked_out(app)))
            await send(message)

        await app(scope, receive, send_and_look)

    async with client_of(look_at_start) as client:
        assert (await client.post("/notes?title=a")).status_code == 201
    assert seen == [(1, 0)]


async def test_failed_request_leaves_nothing(app: FastAPI, notes: AsyncClient) -> None:
    @app.post("/broken")
    async def fail(session: WriteSession) -> None:
        session.add(Note(title="a"))
        await session.flush()
        raise RuntimeError

    assert_problem(await notes.post("/broken"), 500)
    assert await count_notes(app.state.database) == 0


async def test_failed_commit_is_a_failed_request(app: FastAPI, notes: AsyncClient) -> None:
    sessions = []

    @app.post("/kept")
    async def keep(session: WriteSession) -> None:
        session.add(Note(title="a"))
        sessions.append(session)

    @event.listens_for(app.state.database.write_engine.sync_engine, "commit")
    def fail(_connection: Connection) -> None:
        raise OperationalError("COMMIT", None, ConnectionError("lost"))

    response = await notes.post("/kept")
    assert response.is_server_error
    assert response.headers["Content-Type"] == "application/problem+json"
    with pytest.raises(InvalidRequestError, match="closed"):
        await sessions[0].execute(select(Note))
    assert await count_notes(app.state.database) == 0
    assert checked_out(app) == 0


async def test_cancelled_request_leaves_nothing(app: FastAPI, notes: AsyncClient) -> None:
    flushed = asyncio.Event()

    @app.post("/slow")
    async def wait(session: WriteSession) -> None:
        session.add(Note(title="a"))
        await session.flush()
        flushed.set()
        await asyncio.Event().wait()

    request = asyncio.create_task(notes.post("/slow"))
    await asyncio.wait_for(flushed.wait(), 30)
    assert checked_out(app) == 1
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert checked_out(app) == 0
    assert await count_notes(app.state.database) == 0


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
async def test_cancelled_read_keeps_no_connection(app: FastAPI) -> None:
    """The garbage collector closes a SQLite database: as in tests of statements."""
    database: Database = app.state.database
    statement = select(Note.id)
    # However far it has come: before the statement, waiting for its rows, done.
    for turns in range(40):
        assert await database.rows(statement) == []
        reading = asyncio.create_task(database.rows(statement))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        assert checked_out(app) == 0
        gc.collect()


async def test_only_one_of_concurrent_requests_gets_a_title(
    app: FastAPI, notes: AsyncClient
) -> None:
    requests = [notes.post("/notes?title=a") for _ in range(8)]
    statuses = await concurrent_statuses(*requests)
    assert sorted(statuses) == [201] + [409] * 7
    assert await count_notes(app.state.database) == 1


async def test_transactions_that_read_before_they_write_wait_for_each_other(
    app: FastAPI,
) -> None:
    database: Database = app.state.database
    note = await database.insert(Note, title="a")

    async def change(title: str) -> None:
        async with database.write_sessions.begin() as session:
            row = await session.get(Note, note["id"], with_for_update=True)
            assert row is not None
            await asyncio.sleep(0.02)
            row.title = title

    await asyncio.gather(*(change(title) for title in "bcde"))
    changed = await database.row(Note, note["id"])
    assert changed is not None
    assert changed["title"] in "bcde"
