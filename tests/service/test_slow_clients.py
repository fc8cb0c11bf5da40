"""Clients that send or read slowly, or not at all: they are given up, and delay no other client."""

import contextlib
import resource
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.processes import wait_for
from harness.project import Project
from harness.raw_http import POST, assert_problem, connect, read_all
from harness.servers import RunningService
from harness.slow_routes import serving_slowly

CONNECTIONS = 1_300
# How many files this process may open: its connections to the service, and others.
FILES = 4_096


@pytest.fixture(scope="module")
def impatient(
    light_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """Serve with short limits, for clients that are too slow."""
    with serving_slowly(light_project, tmp_path_factory.mktemp("impatient"), 1) as server:
        yield server


@pytest.fixture(scope="module")
def unhurried(
    light_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """Serve with limits that slow clients do not reach, but those that stop sending."""
    with serving_slowly(light_project, tmp_path_factory.mktemp("unhurried"), 6) as server:
        yield server


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET /health/live HTTP/1.1\r\nHo", id="half a head"),
        pytest.param(POST + b"Content-Length: 100\r\n\r\n{", id="half a body"),
    ],
)
def test_half_a_request_is_refused_with_a_problem(impatient: RunningService, sent: bytes) -> None:
    assert_problem(read_all(connect(impatient, sent)), 408)


def test_silent_connection_is_closed(impatient: RunningService) -> None:
    assert read_all(connect(impatient)) == b""


def test_half_a_request_after_a_whole_one(unhurried: RunningService) -> None:
    """A connection that is kept has the same time for its next request."""
    connection = connect(unhurried, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")
    connection.sendall(b"GET /health")
    assert_problem(read_all(connection), 408)


def test_drip_does_not_buy_time(impatient: RunningService) -> None:
    with connect(impatient, POST + b"Content-Length: 1000\r\n\r\n") as connection:
        connection.settimeout(0.1)
        start = time.monotonic()
        answer = b""
        while not answer and time.monotonic() - start < 20:
            with contextlib.suppress(TimeoutError):
                connection.sendall(b" ")
                answer = connection.recv(65536)
    assert_problem(answer, 408)


def test_slow_body_that_keeps_coming_is_read(unhurried: RunningService) -> None:
    """The time is for each 100 kB: what takes longer in all is no attack."""
    user = b'{"email": "ada@example.com", "name": "Ada"}'.ljust(900_000)
    head = POST + b"Connection: close\r\nContent-Length: 900000\r\n\r\n"
    with connect(unhurried, head) as connection:
        for start in range(0, len(user), 75_000):
            connection.sendall(user[start : start + 75_000])
            time.sleep(0.6)
        assert read_all(connection).startswith(b"HTTP/1.1 201 ")


def test_answer_that_is_not_taken_is_given_up(impatient: RunningService) -> None:
    """The route streams without end: its request is logged only when the service ends it."""
    with connect(impatient, b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        wait_for(lambda: '"route": "/stream"' in impatient.log, "the service gives the answer up")


def test_slow_clients_do_not_stop_others(light_project: Project, tmp_path: Path) -> None:
    """More connections than files may be open: those that wait longest make room for new ones."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES:
        pytest.skip(f"this process may not open {FILES} files")
    url = f"sqlite:///{tmp_path}/orders.db"
    light_project.alembic(url, "upgrade", "head")
    command = ("sh", "-c", "ulimit -n 1024 && exec python -m app")
    # A request that waits until slow clients are given up, waits for a minute.
    env = {"ORDERS_HEADER_TIMEOUT": "60", "ORDERS_BODY_TIMEOUT": "60"}
    with (
        light_project.serve(*command, url=url, env=env, log=tmp_path / "log") as server,
        contextlib.ExitStack() as stack,
    ):
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for start in (b"G", b"GET / HTTP/1.1\r\nX: ", POST + b"Content-Length: 9\r\n\r\n{"):
            for _ in range(CONNECTIONS // 3 + 1):
                stack.enter_context(connect(server, start))
        times = [time_of(server) for _ in range(20)]
        assert statistics.median(times) < 20, times
    assert server.log.count("connections is reached") == 1
    assert "Traceback" not in server.log


def time_of(server: RunningService) -> float:
    start = time.monotonic()
    assert httpx.get(f"{server.address}/health/live", timeout=30).status_code == 200
    return time.monotonic() - start
