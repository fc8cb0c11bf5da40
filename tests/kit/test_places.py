"""Where a route may be to have a session: in a WebSocket, in an application that is mounted."""

from contextlib import nullcontext, suppress

import pytest
from fastapi import APIRouter, FastAPI, WebSocket, WebSocketDisconnect
from httpx import AsyncClient
from sqlalchemy import URL, select
from starlette.routing import Match
from starlette.types import ASGIApp, Message

from app import main
from app.db import ReadSession, ServiceDatabase, WriteSession
from tests.kit.notes import Note, checked_out, count_notes, create_tables
from tests.kit.support import allowed_client, settings_for
from kit.db import Database


async def talk(app: ASGIApp, path: str, *texts: str) -> list[str]:
    """Send texts through a WebSocket, then close it; return the answers."""
    incoming: list[Message] = [{"type": "websocket.connect"}]
    incoming += [{"type": "websocket.receive", "text": text} for text in texts]
    incoming.append({"type": "websocket.disconnect", "code": 1000})
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": path, "raw_path": path.encode(), "root_path": ""}
    scope |= {"query_string": b"", "headers": [], "subprotocols": [], "scheme": "ws"}
    with suppress(WebSocketDisconnect):
        await app(scope, receive, send)
    assert sent[0]["type"] == "websocket.accept"
    return [message["text"] for message in sent if message["type"] == "websocket.send"]


def add_notes(app: FastAPI) -> None:
    """Add routes that read and write notes with each of the dependencies."""

    @app.websocket("/ws")
    async def answer(
        socket: WebSocket, writing: WriteSession, reading: ReadSession, database: ServiceDatabase
    ) -> None:
        await socket.accept()
        title = await socket.receive_text()
        counts = len(await database.rows(select(Note.id)))
        counts += len((await reading.scalars(select(Note))).all())
        await reading.close()
        writing.add(Note(title=title))
        await socket.send_text(f"{counts}")
        if title == "broken":
            await socket.receive_text()

    @app.post("/notes")
    async def create_note(title: str, session: WriteSession) -> None:
        session.add(Note(title=title))

    @app.get("/notes")
    async def list_notes(session: ReadSession, database: ServiceDatabase) -> list[str]:
        await database.rows(select(Note.id))
        return list(await session.scalars(select(Note.title)))


async def test_websocket_reads_and_writes(own_app: FastAPI) -> None:
    """What it writes is committed when the route returns."""
    database: Database = own_app.state.database
    await create_tables(database)
    add_notes(own_app)
    assert await talk(own_app, "/ws", "a") == ["0"]
    assert await talk(own_app, "/ws", "b") == ["2"]
    assert await count_notes(database) == 2
    assert checked_out(own_app) == 0


async def test_websocket_that_breaks_leaves_nothing(own_app: FastAPI) -> None:
    """A client that leaves is WebSocketDisconnect in the route, which rolls back."""
    database: Database = own_app.state.database
    await create_tables(database)
    add_notes(own_app)
    assert await talk(own_app, "/ws", "broken") == ["0"]
    assert await count_notes(database) == 0
    assert checked_out(own_app) == 0


def mount(outer: FastAPI, depth: int) -> str:
    """Mount an application with routes in an application, this deep; return the path to it."""
    path = ""
    for _ in range(depth):
        inner = FastAPI()
        outer.mount("/sub", inner)
        outer, path = inner, f"{path}/sub"
    add_notes(outer)
    return path


@pytest.mark.parametrize("depth", [1, 3])
async def test_mounted_application(own_app: FastAPI, own_client: AsyncClient, depth: int) -> None:
    await create_tables(own_app.state.database)
    path = mount(own_app, depth)
    assert (await own_client.post(f"{path}/notes?title=a")).status_code == 200
    assert (await own_client.get(f"{path}/notes")).json() == ["a"]
    assert await talk(own_app, f"{path}/ws", "b") == ["2"]
    assert await count_notes(own_app.state.database) == 2
    assert checked_out(own_app) == 0


async def test_mounted_application_with_a_database_of_its_own(
    own_app: FastAPI, own_client: AsyncClient, database: Database
) -> None:
    inner = FastAPI()
    inner.state.database = database
    own_app.mount("/sub", inner)

    @inner.get("/")
    async def has_own(provided: ServiceDatabase) -> bool:
        return provided is database

    assert (await own_client.get("/sub/")).json() is True


@pytest.mark.parametrize("is_started", [False, True])
async def test_health_comes_first(
    shared_url: URL, monkeypatch: pytest.MonkeyPatch, *, is_started: bool
) -> None:
    """Whatever the application includes or mounts at "/" does not hide it."""
    router = APIRouter()

    @router.get("/{path:path}")
    async def take_all(path: str) -> str:
        return path

    monkeypatch.setattr(main, "users_router", router)
    app = main.create_app(settings_for(shared_url))
    lifespan = app.router.lifespan_context(app) if is_started else nullcontext()
    async with lifespan, allowed_client(app) as client:
        assert (await client.get("/health/live")).json() == {"status": "ok"}
        assert (await client.get("/health")).json() == "health"
        assert (await client.get("/users")).json() == "users"


async def test_requests_do_not_pass_health_in_vain(own_app: FastAPI) -> None:
    scope = {"type": "http", "method": "GET", "path": "/health/live", "headers": []}
    assert own_app.router.routes[-1].matches(scope)[0] is Match.FULL
