"""A client without a network, and assertions about responses."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from httpx import ASGITransport, AsyncClient, Response
from starlette.types import ASGIApp

from kit.errors import ProblemError

# Returns the records logged so far, in the format of standard error.
Log = Callable[[], list[dict[str, Any]]]
# Adds rows: `await rows(User(email="ada@example.com", name="Ada"))`.
Rows = Callable[..., Awaitable[None]]


def client_of(app: ASGIApp) -> AsyncClient:
    """Return a client of an application, which need not be started."""
    hooks = {"response": [print_response]}
    return AsyncClient(transport=ASGITransport(app), base_url="http://test", event_hooks=hooks)


async def print_response(response: Response) -> None:
    """Print the response: pytest shows it, with the log, if the test fails."""
    await response.aread()
    print(response.request.method, response.url, response.status_code, response.text)  # noqa: T201


def only(items: Iterable[Any]) -> Any:  # noqa: ANN401
    """Return the single item; otherwise fail with all items."""
    all_items = list(items)
    assert len(all_items) == 1, f"{len(all_items)} instead of one: {all_items}"
    return all_items[0]


def assert_problem(response: Response, status: int, kind: str | None = None) -> dict[str, Any]:
    """Assert that a response is a problem of this status and kind; return the problem."""
    message = f"{response.status_code} instead of {status}: {response.text}"
    assert response.status_code == status, message
    media_type = response.headers["Content-Type"]
    assert media_type == "application/problem+json", f"{media_type}: {response.text}"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status, response.text
    expected_type = "about:blank"
    if kind is not None:
        expected_type = f"{ProblemError.type_prefix}{kind}"
    assert problem["type"] == expected_type, f"{problem['type']} instead of {expected_type}"
    assert problem["request_id"] == response.headers["X-Request-ID"], response.text
    return problem
