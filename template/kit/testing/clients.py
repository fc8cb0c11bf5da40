"""Requests to an application without a network, and what every error answer has."""

from collections.abc import Callable
from typing import Any

from httpx import ASGITransport, AsyncClient, Response
from starlette.types import ASGIApp

# Returns what has been logged until now, as it is written to standard error.
Log = Callable[[], list[dict[str, Any]]]


def client_of(app: ASGIApp) -> AsyncClient:
    """Return a client for an application, which need not be started."""
    return AsyncClient(transport=ASGITransport(app), base_url="http://test")


def assert_problem(response: Response, status: int, kind: str | None = None) -> dict[str, Any]:
    """Check what every error answer has; return it."""
    problem: dict[str, Any] = response.json()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.status_code, problem["status"]) == (status, status)
    assert problem["type"] == (f"urn:problem:{kind}" if kind else "about:blank")
    assert problem["request_id"] == response.headers["X-Request-ID"]
    return problem
