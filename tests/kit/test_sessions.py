"""A session ends with its request, and is an error afterwards; where routes get theirs from."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import ReadSession, ServiceDatabase, WriteSession
from tests.kit.notes import Note, checked_out, count_notes, create_tables
from kit.testing import client_of, only

REQUESTS = 30
SESSIONS = {"read": ReadSession, "write": WriteSession}


async def execute(session: AsyncSession) -> None:
    await session.execute(text("SELECT 1"))


async def add(session: AsyncSession) -> None:
    session.add(Note(title="late"))


async def commit(session: AsyncSession) -> None:
    await session.commit()


async def get(session: AsyncSession) -> None:
    await session.get(Note, 1)


async def stream(session: AsyncSession) -> None:
    async for _ in await session.stream(select(Note)):
        pass


async def connect(session: AsyncSession) -> None:
    await session.connection()


USES = (execute, add, commit, get, stream, connect)


@pytest.fixture
async def app(own_app: FastAPI) -> FastAPI:
    await create_tables(own_app.state.database)
    return own_app


def add_late_routes(app: FastAPI, kind: object, errors: list[str]) -> None:
    """Add routes that use their session after it was closed, each in all ways."""

    session_of: Any = kind

    async def use(session: AsyncSession) -> str:
        for way in USES:
            try:
                await way(session)
            except Exception as error:  # noqa: BLE001
                errors.append(f"{way.__name__}: {error}")
            else:
                errors.append(f"{way.__name__}: no error")
        return ""

    @app.get("/streamed")
    async def streamed(session: session_of) -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            yield await use(session)

        await execute(session)
        return StreamingResponse(rows())

    @app.get("/background")
    async def background(session: session_of, tasks: BackgroundTasks) -> None:
        tasks.add_task(use, session)


@pytest.mark.parametrize("kind", SESSIONS)
async def test_session_used_late_is_an_error(app: FastAPI, kind: str) -> None:
    errors: list[str] = []
    add_late_routes(app, SESSIONS[kind], errors)
    async with client_of(app) as client:
        for path in ("/streamed", "/background"):
            errors.clear()
            for _ in range(REQUESTS):
                assert (await client.get(path)).status_code == 200
            assert len(errors) == REQUESTS * len(USES), path
            other = [error for error in errors if "permanently closed" not in error]
            assert not other, f"{path}: {other}"
            assert checked_out(app) == 0, path
    assert await count_notes(app.state.database) == 0


@pytest.mark.parametrize("kind", SESSIONS)
async def test_stream_left_open_is_an_error(app: FastAPI, kind: str) -> None:
    session_of: Any = SESSIONS[kind]

    @app.get("/opened")
    async def opened(session: session_of) -> StreamingResponse:
        result = await session.stream(select(Note.title))
        return StreamingResponse(row.title async for row in result)

    async with app.state.database.write_sessions.begin() as session:
        session.add(Note(title="a"))
    async with client_of(app) as client:
        for _ in range(REQUESTS):
            # The response has begun: a server breaks the connection off.
            with pytest.raises(Exception):  # noqa: B017, PT011
                (await client.get("/opened")).raise_for_status()
            assert checked_out(app) == 0


@pytest.mark.parametrize("kind", SESSIONS)
@pytest.mark.parametrize("has_pool", [True, False])
async def test_task_keeps_no_connection(app: FastAPI, kind: str, *, has_pool: bool) -> None:
    """However far it has come: connecting, beginning, executing."""
    session_of: Any = SESSIONS[kind]
    tasks = []

    @app.get("/{turns}")
    async def leave(turns: int, session: session_of) -> None:
        async def use() -> None:
            while True:
                await execute(session)

        tasks.append(asyncio.create_task(use()))
        for _ in range(turns):
            await asyncio.sleep(0)

    async with client_of(app) as client:
        for turns in range(REQUESTS):
            if not has_pool:
                await app.state.database.read_engine.dispose()
            await client.get(f"/{turns}")
            outcome = only(await asyncio.gather(*tasks, return_exceptions=True))
            assert isinstance(outcome, Exception)
            tasks.clear()
            assert checked_out(app) == 0, turns
        assert (await client.get("/health/ready")).status_code == 200


async def test_own_session_outlives_the_request(app: FastAPI) -> None:
    @app.post("/")
    async def write_later(database: ServiceDatabase, tasks: BackgroundTasks) -> None:
        async def write() -> None:
            async with database.write_sessions.begin() as session:
                session.add(Note(title="a"))

        tasks.add_task(write)

    @app.get("/")
    async def read_later(database: ServiceDatabase) -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            async with database.stream_sessions() as session:
                async for title in await session.stream_scalars(select(Note.title)):
                    yield title

        return StreamingResponse(rows())

    async with client_of(app) as client:
        assert (await client.post("/")).status_code == 200
        assert (await client.get("/")).text == "a"
    assert checked_out(app) == 0
