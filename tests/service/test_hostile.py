"""What slow and malicious clients can do to a served project."""

import contextlib
import json
import resource
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from harness.cpu_and_memory import Load
from harness.processes import wait_for
from harness.project import Project
from harness.raw_http import connect, read_all
from harness.servers import RunningService
from harness.slow_routes import with_slow_routes

LIMIT = 1_000_000
CONNECTIONS = 1_300
# How many files this process may open: its connections to the service, and others.
FILES = 4_096
HEAD = b"POST /users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def serving(
    project: Project, folders: pytest.TempPathFactory, seconds: str
) -> Iterator[RunningService]:
    """Serve with a time limit for the head, and for each 100 kB of the body."""
    folder = folders.mktemp("hostile")
    project = with_slow_routes(project, folder)
    env = {"ORDERS_HEADER_TIMEOUT": seconds, "ORDERS_BODY_TIMEOUT": seconds}
    with project.serve("python", "-m", "app", env=env, log=folder / "log") as server:
        yield server


@pytest.fixture(scope="module")
def served(
    light_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """Serve with limits that no client reaches because the machine is busy."""
    with serving(light_project, tmp_path_factory, "60") as server:
        yield server


@pytest.fixture(scope="module")
def impatient(
    light_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """Serve with short limits, for clients that are too slow."""
    with serving(light_project, tmp_path_factory, "1") as server:
        yield server


def assert_problem(answer: bytes, status: int) -> dict[str, object]:
    """Check that a response is complete and has the headers of all responses; return the problem."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().lower().split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name] = value
    assert first.startswith(f"http/1.1 {status} "), answer
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    problem: dict[str, object] = json.loads(body)
    assert problem["status"] == status
    assert problem["request_id"] == headers["x-request-id"]
    return problem


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"nonsense\r\n\r\n", 400, id="no HTTP"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, id="no chunk"),
        pytest.param(
            HEAD + b"Content-Length: 9000000\r\n\r\n" + b"x" * 9_000_000, 413, id="large body"
        ),
        pytest.param(
            HEAD + b"Connection: close\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000,
            413,
            id="large body, close",
        ),
        pytest.param(
            HEAD
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 50,
            413,
            id="chunks without end",
        ),
        pytest.param(
            b"GET /health/live?" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            414,
            id="address",
        ),
        pytest.param(
            b"GET /health/live HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431, id="many headers"
        ),
        pytest.param(
            b"GET /health/live HTTP/1.1\r\na: " + b"b" * 70_000 + b"\r\n\r\n",
            431,
            id="large header",
        ),
        pytest.param(
            b"GET /health/live HTTP/1.1\r\na: " + b"b" * 5_000_000, 431, id="header without end"
        ),
    ],
)
def test_refused_with_a_problem(served: RunningService, sent: bytes, status: int) -> None:
    """The answer arrives, although the client may still be sending; then the connection ends."""
    assert_problem(read_all(connect(served, sent)), status)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET /health/live HTTP/1.1\r\nHo", id="half a head"),
        pytest.param(HEAD + b"Content-Length: 100\r\n\r\n{", id="half a body"),
    ],
)
def test_half_a_request_is_refused_with_a_problem(impatient: RunningService, sent: bytes) -> None:
    assert_problem(read_all(connect(impatient, sent)), 408)


def test_silent_connection_is_closed(impatient: RunningService) -> None:
    assert read_all(connect(impatient)) == b""


def test_half_a_request_after_a_whole_one(impatient: RunningService) -> None:
    """A connection that is kept has the same time for its next request."""
    # In one piece, as the limit may end the first wait of a busy machine for the rest.
    connection = connect(impatient, b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\nGET /health")
    first, _, second = read_all(connection).partition(b'{"status":"ok"}')
    assert first.startswith(b"HTTP/1.1 200 ")
    assert_problem(second, 408)


def test_drip_does_not_buy_time(impatient: RunningService) -> None:
    with connect(impatient, HEAD + b"Content-Length: 1000\r\n\r\n") as connection:
        connection.settimeout(0.1)
        start = time.monotonic()
        answer = b""
        while not answer and time.monotonic() - start < 20:
            with contextlib.suppress(TimeoutError):
                connection.sendall(b" ")
                answer = connection.recv(65536)
    assert_problem(answer, 408)


def test_slow_body_that_keeps_coming_is_read(
    light_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The time is for each 100 kB: what takes longer in all is no attack."""
    user = b'{"email": "ada@example.com", "name": "Ada"}'.ljust(900_000)
    head = HEAD + b"Connection: close\r\nContent-Length: 900000\r\n\r\n"
    with (
        serving(light_project, tmp_path_factory, "6") as patient,
        connect(patient, head) as connection,
    ):
        for start in range(0, len(user), 75_000):
            connection.sendall(user[start : start + 75_000])
            time.sleep(0.6)
        assert read_all(connection).startswith(b"HTTP/1.1 201 ")


def test_answer_that_is_not_taken_is_given_up(impatient: RunningService) -> None:
    """The route streams without end: its request is logged only when the service ends it."""
    with connect(impatient, b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        wait_for(lambda: '"route": "/stream"' in impatient.log, "the service gives the answer up")


def filled(head: str, unit: str, tail: str, size: int = LIMIT) -> bytes:
    """Return a body of about that size, most of which is one thing over and over."""
    return (head + unit * ((size - 1000) // len(unit.encode())) + tail).encode()


USER = '","email":"ada@example.com"}'
BODIES = {
    "unknown fields, large": filled("{", '"k":1,', '"k":1}', 9_700_000),
    "unknown fields": filled("{", '"k":1,', '"k":1}'),
    "unknown fields, as many as are accepted": json.dumps(
        {f"{number:090}": 1 for number in range(9_900)}
    ).encode(),
    "lists in lists": filled("", "[", ""),
    "objects in objects": filled("", '{"a":', "1"),
    "empty lists": filled("[", "[],", "1]"),
    "digits": filled('{"name":', "9", "}"),
    "decimals": filled('{"name":0.', "9", "}"),
    "escapes": filled('{"name":"', "\\u0000", USER),
    "surrogates": filled('{"name":"', "\\ud83d", USER),
    "backslashes": filled('{"name":"', "\\\\", USER),
    "quotes": filled('{"name":"', '\\"', USER),
    "commas": filled('{"name":"', ",", USER),
    "long key": filled('{"', "k", '":1}'),
    "address of dots": filled('{"name":"a","email":"a@', "a.", 'com"}'),
    "address of combining marks": filled('{"name":"a","email":"a', "\u0315\u0300", '@a.com"}'),
    "UTF-16": ("[" + "1," * 249_000 + "1]").encode("utf-16-le"),
    "blanks": b" " * LIMIT,
}


@pytest.mark.parametrize("name", BODIES)
def test_no_body_holds_up_the_service(served: RunningService, name: str) -> None:
    """CPU time, which the event loop is not free in, rather than the clock of a busy machine."""
    headers = {"Content-Type": "application/json"}
    load = Load(served)
    answer = httpx.post(f"{served.address}/users", content=BODIES[name], headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert len(answer.content) < 20_000
    assert load.megabytes() < 150
    assert load.seconds() < 0.2


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
        for start in (b"G", b"GET / HTTP/1.1\r\nX: ", HEAD + b"Content-Length: 9\r\n\r\n{"):
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


def test_busy_service_refuses_further_connections(light_project: Project, tmp_path: Path) -> None:
    project = with_slow_routes(light_project, tmp_path)
    env = {"ORDERS_LIMIT_CONCURRENCY": "2", "ORDERS_SHUTDOWN_TIMEOUT": "1"}
    late = b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with project.serve("python", "-m", "app", env=env, log=tmp_path / "log") as server:
        busy = [connect(server, late), connect(server, late)]
        wait_for(lambda: status_of(server) == 503, "the service is busy")
        assert_problem(read_all(connect(server, late)), 503)
        server.process.terminate()
        # Those that are served when the time is over get a problem, too.
        with ThreadPoolExecutor() as pool:
            for answer in pool.map(read_all, busy):
                assert assert_problem(answer, 503)["type"] == "urn:problem:shutting-down"
        assert server.wait() == 0
    assert "Traceback" not in server.log


def status_of(server: RunningService) -> int:
    return httpx.get(f"{server.address}/health/live", timeout=30).status_code
