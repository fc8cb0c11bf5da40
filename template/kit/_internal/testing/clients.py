"""Requests to an application without a network, and what every error answer has."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from httpx import ASGITransport, AsyncClient, Response
from starlette.types import ASGIApp

from kit.errors import ProblemError

# Returns what has been logged until now, as it is written to standard error.
Log = Callable[[], list[dict[str, Any]]]
# Adds rows: `await rows(User(email="ada@example.com", name="Ada"))`.
Rows = Callable[..., Awaitable[None]]


def client_of(app: ASGIApp) -> AsyncClient:
    """Return a client for an application, which need not be started."""
    hooks = {"response": [print_response]}
    return AsyncClient(transport=ASGITransport(app), base_url="http://test", event_hooks=hooks)


async def print_response(response: Response) -> None:
    """Print the response: pytest shows it, and what was logged, when the test fails."""
    await response.aread()
    print(response.request.method, response.url, response.status_code, response.text)  # noqa: T201


def only(items: Iterable[Any]) -> Any:  # noqa: ANN401
    """Return the single item; fail with all of them otherwise."""
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
    type_ = f"{ProblemError.type_prefix}{kind}" if kind else "about:blank"
    assert problem["type"] == type_, f"{problem['type']} instead of {type_}"
    assert problem["request_id"] == response.headers["X-Request-ID"], response.text
    return problem
