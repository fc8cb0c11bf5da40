"""Routes that fail in many ways, with values that must not leave the service."""

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from harness.project import Project
from harness.releases import edit
from harness.sentry import Receiver
from harness.servers import RunningService

# What a client may send, in every part of a request.
PLANTED = "ada.lovelace-4711"

ROUTES = """
import asyncio
import logging
from typing import Any

from fastapi import APIRouter, BackgroundTasks, HTTPException, Request, WebSocket
from pydantic import BaseModel
from sqlalchemy import text

from app.db import ReadSession
from kit.errors import ProblemError

router = APIRouter(prefix="/failing")
logger = logging.getLogger(__name__)


class Number(BaseModel):
    number: int


def fail(value: str) -> None:
    local = {"value": value}
    raise KeyError(local["value"])


@router.api_route("/error/{value}", methods=["GET", "POST"])
async def error(value: str) -> None:
    fail(value)


@router.get("/head/{value}")
async def head(value: str) -> None:
    fail(value)


@router.get("/cause/{value}")
async def cause(value: str) -> None:
    try:
        fail(value)
    except KeyError as error:
        raise RuntimeError(f"no user {value!r}, user@{value}.example") from error


@router.get("/group/{value}")
async def group(value: str) -> None:
    raise ExceptionGroup("several", [ValueError(repr(value)), TypeError("a name")])


@router.get("/number/{value}")
async def number(value: str) -> int:
    return int(value)


@router.get("/response/{value}")
async def response(value: str) -> Number:
    return {"number": value}  # type: ignore[return-value]


@router.get("/statement/{value}")
async def statement(value: str, sql: str, session: ReadSession) -> None:
    await session.execute(text(sql), {"value": value})


@router.get("/background/{value}")
async def background(value: str, tasks: BackgroundTasks) -> None:
    tasks.add_task(fail, value)


async def fail_later(value: str) -> None:
    await asyncio.sleep(0)
    fail(value)


@router.get("/task/{value}")
async def task(value: str) -> None:
    asyncio.create_task(fail_later(value))
    await asyncio.sleep(0.01)


@router.get("/logged/{value}")
async def logged(value: str, request: Request) -> None:
    extra = {"value": value, "headers": dict(request.headers), "trace_id": "4bf92f3577b34da6"}
    logger.error("the payment of %s failed", value, extra=extra)


@router.get("/captured/{value}")
async def captured(value: str) -> None:
    import sentry_sdk

    sentry_sdk.set_user({"email": value})
    sentry_sdk.set_context("form", {"name": value})
    sentry_sdk.add_breadcrumb(message=value)
    try:
        fail(value)
    except KeyError as error:
        sentry_sdk.capture_exception(error)


@router.get("/problem/{status}")
async def problem(status: int) -> None:
    raise ProblemError(status, "expected")


@router.get("/http/{status}")
async def http(status: int) -> None:
    raise HTTPException(status)


@router.get("/late")
async def late() -> None:
    logger.warning("a late request")
    await asyncio.sleep(60)


@router.websocket("/socket/{value}")
async def socket(socket: WebSocket, value: str) -> None:
    await socket.accept()
    fail(value)
"""


def with_failing_routes(project: Project, folder: Path, url: str) -> Project:
    """Return a copy of a project that has these routes, and migrate its database."""
    project.alembic(url, "upgrade", "head")
    project = project.copy(folder / "orders", url)
    (project.folder / "app/failing_routes.py").write_text(ROUTES, "utf-8")
    main = project.folder / "app/main.py"
    module = "from app.settings import"
    edit(main, module, f"from app.failing_routes import router as failing_router\n{module}")
    users = "    app.include_router(users_router)\n"
    edit(main, users, f"{users}    app.include_router(failing_router)\n")
    return project


@contextlib.contextmanager
def served(project: Project, receiver: Receiver, log: Path, **env: str) -> Iterator[RunningService]:
    """Serve a project that sends its errors to a receiver."""
    env = {"SENTRY_DSN": receiver.dsn, "ORDERS_METRICS_PORT": "0", **env}
    with project.serve("python", "-m", "app", env=env, log=log / "log") as server:
        yield server


def stop(server: RunningService) -> float:
    """Stop a service as a platform does; return how many seconds that took."""
    start = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.wait() == 0, server.log
    return time.monotonic() - start


def get(server: RunningService, path: str, **options: Any) -> httpx.Response:
    return httpx.get(f"{server.address}/failing/{path}", **options)
