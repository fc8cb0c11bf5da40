"""What slow and malicious clients can do to a served project."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from harness.cpu_and_memory import Load
from harness.processes import wait_for
from harness.project import Project
from harness.raw_http import POST, assert_problem, connect, read_all
from harness.servers import RunningService
from harness.slow_routes import serving_slowly, with_slow_routes

LIMIT = 1_000_000


@pytest.fixture(scope="module")
def served(
    light_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """Serve with limits that no client reaches because the machine is busy."""
    with serving_slowly(light_project, tmp_path_factory.mktemp("hostile"), 60) as server:
        yield server


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"nonsense\r\n\r\n", 400, id="no HTTP"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, id="no chunk"),
        pytest.param(
            POST + b"Content-Length: 9000000\r\n\r\n" + b"x" * 9_000_000, 413, id="large body"
        ),
        pytest.param(
            POST + b"Connection: close\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000,
            413,
            id="large body, close",
        ),
        pytest.param(
            POST
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
