"""Unexpected errors reach Sentry, with the request and the release, and without values."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.failing_routes import PLANTED, get, served, stop, with_failing_routes
from harness.processes import only, wait_for
from harness.project import FIRST, Project
from harness.raw_http import connect, read_all
from harness.sentry import Receiver
from harness.servers import RunningService

pytestmark = [pytest.mark.slow, pytest.mark.seconds(25)]

# A statement that fails because of its parameter.
STATEMENTS = {
    "postgresql": "SELECT CAST(:value AS integer)",
    "sqlite": "SELECT json(:value)",
}
HANDSHAKE = (
    f"GET /failing/socket/{PLANTED}?token={PLANTED} HTTP/1.1\r\nHost: localhost\r\n"
    f"Authorization: Bearer {PLANTED}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.running() as started:
        yield started


@pytest.fixture(scope="module")
def failing(light_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a copy with routes that fail; tests must not change it."""
    folder = tmp_path_factory.mktemp("failing")
    return with_failing_routes(light_project, folder, f"sqlite:///{folder}/orders.db")


@pytest.fixture(scope="module")
def sentry() -> Iterator[Receiver]:
    """Yield the receiver of `running`."""
    with Receiver.running() as started:
        yield started


@pytest.fixture(scope="module")
def running(
    failing: Project, sentry: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """Yield a service for tests that wait for the events of their requests."""
    log = tmp_path_factory.mktemp("running")
    with served(failing, sentry, log, SENTRY_ENVIRONMENT="staging") as server:
        yield server


@pytest.fixture
def sent(running: RunningService, sentry: Receiver) -> Receiver:
    """Return the receiver of `running`, without the events of earlier tests."""
    sentry.events.clear()
    return sentry


def send_values(server: RunningService, path: str) -> httpx.Response:
    """Send a value in every part of a request that allows it."""
    return httpx.post(
        f"{server.address}/failing/{path}/{PLANTED}",
        params={"token": PLANTED},
        headers={"Authorization": f"Bearer {PLANTED}", "User-Agent": PLANTED},
        cookies={"session": PLANTED},
        json={"email": PLANTED},
    )


def exception_of(event: dict[str, Any]) -> dict[str, Any]:
    """Return the exception of an event that has no cause."""
    exception: dict[str, Any] = only(event["exception"]["values"])
    return exception


def types_of(event: dict[str, Any]) -> list[str]:
    return [value["type"] for value in event["exception"]["values"]]


def test_event_has_what_helps_to_find_the_error(running: RunningService, sent: Receiver) -> None:
    answer = send_values(running, "error")
    event = only(sent.wait_for_events(1))
    assert answer.status_code == 500
    assert event["tags"] == {
        "method": "POST",
        "route": "/failing/error/{value}",
        "request_id": answer.headers["x-request-id"],
        "revision.applied": FIRST,
        "revision.expected": FIRST,
    }
    assert event["transaction"] == "/failing/error/{value}"
    assert event["release"] == "orders@0.1.0"
    assert event["environment"] == "staging"
    assert event["level"] == "error"
    assert event["logentry"] == {"message": "unexpected error"}
    exception = exception_of(event)
    assert (exception["module"], exception["type"]) == ("builtins", "KeyError")
    assert exception["value"] == "[Filtered]"
    frame = exception["stacktrace"]["frames"][-1]
    assert frame["filename"] == "app/failing_routes.py"
    assert frame["function"] == "fail"
    assert frame["in_app"]
    assert frame["context_line"] == '    raise KeyError(local["value"])'
    assert set(event) == {
        *("event_id", "timestamp", "platform", "sdk", "logger", "level", "environment", "release"),
        *("transaction", "tags", "logentry", "exception"),
    }


def test_no_value_leaves_the_service(
    project: Project, url: str, receiver: Receiver, tmp_path: Path
) -> None:
    failing = with_failing_routes(project, tmp_path, url)
    paths = ["error", "cause", "group", "number", "response", "background", "task", "logged"]
    paths.append("captured")
    with served(failing, receiver, tmp_path) as server:
        for path in paths:
            get(server, f"{path}/{PLANTED}", params={"token": PLANTED}, headers={"X-A": PLANTED})
        parameters = {"sql": STATEMENTS[project.database]}
        assert get(server, f"statement/{PLANTED}", params=parameters).status_code == 500
        missing = {"sql": "SELECT * FROM absent WHERE name = :value"}
        assert get(server, f"statement/{PLANTED}", params=missing).status_code == 500
        read_all(connect(server, HANDSHAKE.encode()))
        events = receiver.wait_for_events(len(paths) + 3)
        stop(server)
    assert PLANTED.encode() not in receiver.content
    assert PLANTED.partition("-")[0].encode() not in receiver.content
    values = []
    for event in events:
        values += [value["value"] for value in event.get("exception", {"values": []})["values"]]
    assert "no user [Filtered], [Filtered]" in values
    assert "a name" in values
    assert "invalid: int_parsing" in values
    assert "absent" in " ".join(values), values


def test_expected_problems_are_no_events(running: RunningService, sent: Receiver) -> None:
    statuses = []
    for path in ("nowhere", "problem/409", "problem/503", "http/404", "http/500", "http/502"):
        statuses.append(get(running, path).status_code)
    statuses.append(get(running, "problem/none").status_code)
    # Events arrive in their order.
    last = get(running, f"error/{PLANTED}").headers["x-request-id"]
    event = only(sent.wait_for_events(1))
    assert statuses == [404, 409, 503, 404, 500, 502, 422]
    assert event["tags"]["request_id"] == last


def test_requests_that_a_shutdown_cancels_are_no_events(
    failing: Project, receiver: Receiver, tmp_path: Path
) -> None:
    with served(failing, receiver, tmp_path, ORDERS_SHUTDOWN_TIMEOUT="1") as server:
        late = connect(server, b"GET /failing/late HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_for(lambda: "a late request" in server.log, "the request is handled")
        stop(server)
        read_all(late)
    assert "timeout graceful shutdown exceeded" in server.log
    assert not receiver.events


@pytest.mark.parametrize(
    ("path", "exception", "tags"),
    [
        ("background", "KeyError", {"method": "GET", "route": "/failing/background/{value}"}),
        ("group", "ExceptionGroup", {"method": "GET", "route": "/failing/group/{value}"}),
        ("task", "KeyError", {}),
    ],
)
def test_errors_after_and_beside_a_request(
    running: RunningService, sent: Receiver, path: str, exception: str, tags: dict[str, str]
) -> None:
    answer = get(running, f"{path}/{PLANTED}")
    event = only(sent.wait_for_events(1))
    if tags:
        tags = {**tags, "request_id": answer.headers["x-request-id"]}
    assert types_of(event)[-1] == exception
    assert {name: event["tags"][name] for name in event["tags"] if "revision" not in name} == tags


def test_error_log_is_an_event_without_its_arguments(
    running: RunningService, sent: Receiver
) -> None:
    assert get(running, f"logged/{PLANTED}").status_code == 200
    event = only(sent.wait_for_events(1))
    assert event["logentry"] == {"message": "the payment of %s failed"}
    assert event["logger"] == "app.failing_routes"
    assert event["tags"]["trace_id"] == "4bf92f3577b34da6"
    assert event["transaction"] == "/failing/logged/{value}"
    assert "exception" not in event


def test_causes_come_first(running: RunningService, sent: Receiver) -> None:
    get(running, f"cause/{PLANTED}")
    event = only(sent.wait_for_events(1))
    assert types_of(event) == ["KeyError", "RuntimeError"]


def test_failed_head_has_its_route(running: RunningService, sent: Receiver) -> None:
    httpx.head(f"{running.address}/failing/number/{PLANTED}")
    event = only(sent.wait_for_events(1))
    assert event["tags"]["method"] == "HEAD"
    assert event["transaction"] == "/failing/number/{value}"
