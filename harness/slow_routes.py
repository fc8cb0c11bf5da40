"""Routes with an endless or a late response, to test how the server of a project handles them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from harness.project import Project
from harness.releases import edit
from harness.servers import RunningService

ROUTES = """
import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

router = APIRouter()


async def without_end() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 100_000
        await asyncio.sleep(0.01)


@router.get("/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(without_end())


@router.get("/late")
async def answer_late() -> None:
    await asyncio.sleep(60)
"""


def with_slow_routes(project: Project, folder: Path) -> Project:
    """Return a copy of a project on SQLite that has these routes and a migrated database."""
    url = f"sqlite:///{folder}/orders.db"
    project.alembic(url, "upgrade", "head")
    project = project.copy(folder / "orders", url)
    (project.folder / "app/slow_routes.py").write_text(ROUTES, "utf-8")
    main = project.folder / "app/main.py"
    module = "from app.settings import"
    edit(main, module, f"from app.slow_routes import router as slow_router\n{module}")
    users = "    app.include_router(users_router)\n"
    edit(main, users, f"{users}    app.include_router(slow_router)\n")
    return project


@contextlib.contextmanager
def serving_slowly(project: Project, folder: Path, seconds: int) -> Iterator[RunningService]:
    """Serve such a copy with a limit of time for the head, and for each 100 kB of the body."""
    project = with_slow_routes(project, folder)
    env = {"ORDERS_HEADER_TIMEOUT": str(seconds), "ORDERS_BODY_TIMEOUT": str(seconds)}
    with project.serve("python", "-m", "app", env=env, log=folder / "log") as server:
        yield server
