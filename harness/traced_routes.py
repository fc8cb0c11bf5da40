"""Routes of a project whose requests have spans of every kind."""

from pathlib import Path

from harness.project import Project
from harness.releases import edit

ROUTES = '''
"""Routes that read, write, fail, call another service and keep a WebSocket open."""

import logging
from contextlib import suppress

import httpx
from fastapi import APIRouter, Request, WebSocket, WebSocketDisconnect
from opentelemetry import trace
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.db import ReadSession, ServiceDatabase, WriteSession
from app.models import User

router = APIRouter(prefix="/traced")
logger = logging.getLogger(__name__)


@router.get("/statements/{name}")
async def execute(name: str, database: ServiceDatabase, read: ReadSession) -> str:
    await database.rows(select(User).where(User.name == name))
    await read.execute(select(User.email).where(User.name == name))
    async with database.stream_sessions() as session:
        async for _ in await session.stream(select(User.id).where(User.name == name)):
            pass
    handwritten = text("SELECT name /* planted-comment */ FROM users WHERE name = 'planted-literal'")
    await database.rows(handwritten)
    return "ok"


@router.post("/transaction")
async def write(session: WriteSession) -> str:
    session.add_all(
        [User(email=f"planted-{number}@example.com", name="planted-name") for number in (1, 2)]
    )
    return "ok"


@router.get("/broken-statement")
async def fail_at_the_database(session: WriteSession) -> str:
    with suppress(DBAPIError):
        await session.execute(text("SELECT unknown_column FROM users WHERE name = :name"), {"name": "planted-parameter"})
    return "ok"


@router.get("/failure/{secret}")
async def fail(secret: str) -> str:
    raise ValueError(f"planted-message {secret}")


@router.get("/call")
async def call(request: Request, url: str) -> int:
    async with httpx.AsyncClient() as client:
        response = await client.post(url, content="planted-body", headers={"X-Key": "planted-header"})
    with httpx.Client() as synchronous:
        synchronous.get(url)
    return response.status_code


@router.get("/own-span")
async def record_own_span() -> str:
    with trace.get_tracer(__name__).start_as_current_span("own"):
        logger.info("within")
    return "ok"


@router.websocket("/socket/{name}")
async def talk(websocket: WebSocket, name: str) -> None:
    await websocket.accept()
    logger.info("connected")
    database = websocket.app.state.database
    while True:
        await websocket.receive_text()
        await database.rows(select(User.id).where(User.name == name))
        await websocket.send_text("answer")
'''


def with_traced_routes(project: Project, folder: Path, url: str) -> Project:
    """Return a copy of a project that has these routes, with a migrated database."""
    project.alembic(url, "upgrade", "head")
    project = project.copy(folder, url)
    (project.folder / "app/traced_routes.py").write_text(ROUTES, "utf-8")
    main = project.folder / "app/main.py"
    module = "from app.users.routes import"
    edit(main, module, f"from app.traced_routes import router as traced_router\n{module}")
    users = "    app.include_router(users_router)\n"
    edit(main, users, f"{users}    app.include_router(traced_router)\n")
    return project
