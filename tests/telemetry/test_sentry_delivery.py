"""Events are sent by a thread: a receiver that is down, hangs or refuses delays nothing."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.failing_routes import PLANTED, get, served, stop, with_failing_routes
from harness.processes import only, wait_for
from harness.project import Project
from harness.sentry import Receiver

pytestmark = [pytest.mark.slow, pytest.mark.seconds(25)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.running() as started:
        yield started


@pytest.fixture(scope="module")
def failing(light_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a copy with routes that fail; tests must not change it."""
    folder = tmp_path_factory.mktemp("failing")
    return with_failing_routes(light_project, folder, f"sqlite:///{folder}/orders.db")


def test_stopped_workers_have_sent_every_event(
    failing: Project, receiver: Receiver, tmp_path: Path
) -> None:
    with served(failing, receiver, tmp_path, ORDERS_WORKERS="2") as server:
        wait_for(lambda: server.log.count("Application startup complete") == 2, "both serve")
        ids = set()
        for _ in range(30):
            # A connection each, so that both workers accept some.
            ids.add(get(server, f"error/{PLANTED}").headers["x-request-id"])
        stop(server)
    assert {event["tags"]["request_id"] for event in receiver.wait_for_events(30)} == ids


def test_receiver_that_is_down_costs_only_lost_events(
    failing: Project, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.stop()
    with served(failing, receiver, tmp_path) as server:
        assert get(server, f"error/{PLANTED}").status_code == 500
        wait_for(lambda: "an error was not sent to Sentry: network" in server.log, "a warning")
        receiver.start()
        later = get(server, f"error/{PLANTED}").headers["x-request-id"]
        event = only(receiver.wait_for_events(1))
        stop(server)
    assert event["tags"]["request_id"] == later
    assert receiver.other_items == ["client_report"]
    assert receiver.dsn not in server.log


def test_receiver_that_hangs_delays_no_request_and_the_end_by_seconds(
    failing: Project, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers.clear()
    with served(failing, receiver, tmp_path) as server:
        with httpx.Client(base_url=server.address, timeout=60) as client:
            for _ in range(110):
                assert client.get(f"/failing/error/{PLANTED}").status_code == 500
        wait_for(lambda: "an error was not sent to Sentry: full_queue" in server.log, "a warning")
        # As long as it hangs, without a limit.
        stop(server)
    assert receiver.requests == 1


def test_receiver_that_refuses_is_left_alone(
    failing: Project, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.status = 429
    with served(failing, receiver, tmp_path) as server:
        get(server, f"error/{PLANTED}")
        wait_for(lambda: "an error was not sent to Sentry: status_429" in server.log, "a warning")
        get(server, f"error/{PLANTED}")
        wait_for(lambda: "Sentry: self_rate_limits" in server.log, "a warning")
        stop(server)
    assert receiver.requests == 1
