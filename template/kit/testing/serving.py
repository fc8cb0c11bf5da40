"""The application, served without a network."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from starlette.types import ASGIApp

from app.main import create_app
from app.settings import Settings

# Returns what has been logged until now, as it is written to standard error.
Log = Callable[[], list[dict[str, Any]]]


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[FastAPI]:
    """Yield the application, started and at the end shut down."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: ASGIApp) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app), base_url="http://test")


def assert_problem(response: Response, status: int, kind: str | None = None) -> dict[str, Any]:
    """Check what every error answer has; return it."""
    problem: dict[str, Any] = response.json()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.status_code, problem["status"]) == (status, status)
    assert problem["type"] == (f"urn:problem:{kind}" if kind else "about:blank")
    assert problem["request_id"] == response.headers["X-Request-ID"]
    return problem
