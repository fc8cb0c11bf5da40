"""A service whose routes fail in each way that metrics of requests must distinguish."""

from pathlib import Path

from harness.project import Project
from harness.releases import edit

ROUTES = """
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import APIRouter, BackgroundTasks, WebSocket
from fastapi.responses import StreamingResponse
from prometheus_client import Counter

from app.db import ServiceDatabase
from kit.errors import NotFoundError

router = APIRouter(prefix="/reports")
reports = Counter("reports", "Reports that were read.")


@router.get("/{number}")
async def get_report(number: int) -> int:
    if number > 9:
        raise NotFoundError("report")
    reports.inc()
    return number


@router.get("/{number}/error")
async def fail(number: int) -> None:
    raise RuntimeError("planted")


async def parts() -> AsyncIterator[bytes]:
    yield b"begin"
    raise RuntimeError("planted")


@router.get("/{number}/parts")
async def fail_in_the_middle(number: int) -> StreamingResponse:
    return StreamingResponse(parts())


def fail_afterwards() -> None:
    raise RuntimeError("planted")


@router.get("/{number}/task")
async def get_with_task(number: int, tasks: BackgroundTasks) -> int:
    tasks.add_task(fail_afterwards)
    return number


@router.get("/held/connection")
async def hold_connection_while_a_file_exists(database: ServiceDatabase) -> None:
    async with database.read_engine.connect():
        while Path("held").exists():
            await asyncio.sleep(0.05)


@router.get("/{number}/connection")
async def hold_connection(number: int, database: ServiceDatabase) -> None:
    async with database.read_engine.connect():
        await asyncio.sleep(number)


@router.websocket("/{number}/socket")
async def echo(socket: WebSocket, number: int) -> None:
    await socket.accept()
    await socket.receive_text()
"""


def measured(project: Project, folder: Path) -> Project:
    """Return a copy of a project on SQLite that has these routes and a migrated database."""
    url = f"sqlite:///{folder}/orders.db"
    project.alembic(url, "upgrade", "head")
    project = project.copy(folder / "orders", url)
    (project.folder / "app/reports.py").write_text(ROUTES, "utf-8")
    main = project.folder / "app/main.py"
    module = "from app.settings import"
    edit(main, module, f"from app.reports import router as reports_router\n{module}")
    users = "    app.include_router(users_router)\n"
    edit(main, users, f"{users}    app.include_router(reports_router)\n")
    return project
