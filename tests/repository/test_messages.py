"""A test that fails shows the responses and the log of the server, and no test hangs."""

import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from harness.processes import DEADLINE, run
from harness.servers import free_port, serving
from harness.template import ROOT, Render

SERVER = """
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("the reason is in the log", flush=True)
        self.send_response(200 if self.path == "/health/live" else 503)
        self.end_headers()
        self.wfile.write(b"the reason is in the response")

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
WAITING = """
import threading

def test_that_waits():
    threading.Event().wait(60)
"""
FAILING = """
import httpx

def test_status():
    assert httpx.get("{address}/users").status_code == 200
"""


def test_failed_status_shows_the_response(tmp_path: Path) -> None:
    port = free_port()
    command, log = (sys.executable, "-c", SERVER, str(port)), tmp_path / "log"
    with serving(*command, cwd=tmp_path, env={}, log_file=log, port=port) as server:
        test = tmp_path / "test_failing.py"
        test.write_text(FAILING.format(address=server.address), "utf-8")
        pytest_here = ("-m", "pytest", "-q", "-p", "tests.conftest", f"--rootdir={tmp_path}")
        shown = run(sys.executable, *pytest_here, test, cwd=ROOT, code=1).stdout
    assert "the reason is in the response" in shown
    assert "/users: 503" in shown


@pytest.mark.parametrize(("options", "seconds"), [({}, DEADLINE), ({"timeout": 3}, 3)])
def test_clients_wait_for_a_busy_machine(options: dict[str, float], seconds: float) -> None:
    """Unless they have a time limit of their own."""
    limits = []

    def answer(request: httpx.Request) -> httpx.Response:
        limits.append(request.extensions["timeout"]["read"])
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        client.get("http://orders.example", **options)
        with client.stream("GET", "http://orders.example", **options):
            pass
    assert limits == [seconds, seconds]


def test_services_end_tests_that_hang(rendered: Render, tmp_path: Path) -> None:
    """After a minute, here a second, pytest ends the process, and shows the line that waits."""
    folder = rendered()
    options = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]
    assert options["faulthandler_timeout"] == 60
    test = folder / "tests/test_waiting.py"
    test.write_text(WAITING, "utf-8")
    python = (sys.executable, "-m", "pytest", "-q", "--noconftest")
    limit = ("-o", "faulthandler_timeout=1", "-o", "filterwarnings=")
    done = run(*python, *limit, test, cwd=folder, code=1, timeout=55)
    assert "in test_that_waits" in done.stderr


def test_failed_status_shows_the_log_of_the_server(tmp_path: Path) -> None:
    port = free_port()
    command, log = (sys.executable, "-c", SERVER, str(port)), tmp_path / "log"
    with (
        pytest.raises(AssertionError) as failure,
        serving(*command, cwd=tmp_path, env={}, log_file=log, port=port),
    ):
        raise AssertionError
    assert "the reason is in the log" in "".join(failure.value.__notes__)
