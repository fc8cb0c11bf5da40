"""A client without a network, and assertions about responses."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from kit._internal.auth.callers import SCOPE_KEY, Caller
from kit._internal.auth.interface import Principal
from kit._internal.auth.roles import with_permissions_of
from kit._internal.auth.routes import required_permissions
from kit.application import Service
from kit.errors import ProblemError

# Returns the records logged so far, in the format of standard error.
Log = Callable[[], list[dict[str, Any]]]
# Adds rows: `await rows(User(email="ada@example.com", name="Ada"))`.
Rows = Callable[..., Awaitable[None]]
# Returns a client with these permissions: `client_as("users:read")`.
ClientAs = Callable[..., AsyncClient]


def client_of(app: ASGIApp, principal: Principal | None = None) -> AsyncClient:
    """Return a client of an application, which need not be started.

    It calls as the principal; without one, it has to send credentials, as any client.
    """
    hooks = {"response": [print_response]}
    if principal is not None:
        app = as_principal(app, principal)
    return AsyncClient(transport=ASGITransport(app), base_url="http://test", event_hooks=hooks)


def as_principal(app: ASGIApp, principal: Principal) -> ASGIApp:
    """Return an application that takes all clients for this principal: for TestClient(...).

    It has the permissions of its roles, too.
    """
    caller_principal = with_permissions_of(getattr(app, "roles", {}), principal)

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, SCOPE_KEY: Caller(caller_principal)}, receive, send)

    return call


@pytest.fixture
async def client_as(app: Service) -> AsyncIterator[ClientAs]:
    """Return a function that returns a client with some permissions: `client_as("users:read")`.

    `subject="..."` is the id of the principal. `client_of(app)` sends no credentials.
    """
    async with AsyncExitStack() as stack:

        def create_client(*permissions: str, subject: str = "tests") -> AsyncClient:
            client = client_of(app, Principal(subject, "test", frozenset(permissions)))
            stack.push_async_callback(client.aclose)
            return client

        yield create_client


def all_permissions(app: Service) -> Principal:
    """Return a principal with all permissions that routes of the service require."""
    return Principal("tests", "test", required_permissions(app))


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
