"""The application, served without a network."""

from collections.abc import AsyncIterator, Callable, Iterable
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
    hooks = {"response": [show]}
    return AsyncClient(transport=ASGITransport(app), base_url="http://test", event_hooks=hooks)


async def show(response: Response) -> None:
    """Print the response: pytest shows it, and what was logged, when the test fails."""
    await response.aread()
    print(response.request.method, response.url, response.status_code, response.text)  # noqa: T201


def only(items: Iterable[Any]) -> Any:  # noqa: ANN401
    """Return the one item that there is; fail with all of them otherwise."""
    found = list(items)
    assert len(found) == 1, f"{len(found)} instead of one: {found}"
    return found[0]


def assert_problem(response: Response, status: int, kind: str | None = None) -> dict[str, Any]:
    """Check what every error answer has; return it."""
    wrong = f"{response.status_code} instead of {status}: {response.text}"
    assert response.status_code == status, wrong
    media_type = response.headers["Content-Type"]
    assert media_type == "application/problem+json", f"{media_type}: {response.text}"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status, response.text
    type_ = f"urn:problem:{kind}" if kind else "about:blank"
    assert problem["type"] == type_, f"{problem['type']} instead of {type_}"
    assert problem["request_id"] == response.headers["X-Request-ID"], response.text
    return problem
