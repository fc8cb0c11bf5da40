"""What benchmarks read: the output of wrk, of pytest, of Python's imports and of profilers."""

import http.server
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks import generators, profiler, report, suite, wrk, wrk_substitute
from benchmarks.imports import costliest_imports, import_times
from benchmarks.resource_usage import kilobytes, total
from harness.processes import run
from harness.template import ROOT

WRK = """\
Running 1s test @ http://127.0.0.1:46187
  1 threads and 200 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   357.50ms  261.12ms   1.05s    79.14%
    Req/Sec   149.22     55.20   220.00     77.78%
  Latency Distribution
     50%  277.45us
     75%  538.63ms
     90%  766.42ms
     99%    1.02s\N{SPACE}
  139 requests in 1.06s, 21.01KB read
  Non-2xx or 3xx responses: 7
Requests/sec:    130.62
Transfer/sec:     19.74KB
"""
JUNIT = """\
<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest"
errors="0" failures="0" skipped="0" tests="3" time="70.010"
timestamp="2026-11-22T17:17:29.675685+00:00" hostname="vm">
<testcase classname="tests.test_a" name="test_one[with/a | value]" time="0.994" />
<testcase classname="tests.test_b" name="test_long" time="65.1"><skipped>why</skipped></testcase>
<testcase classname="tests.test_a" name="test_two" time="3.456" /></testsuite></testsuites>
"""
IMPORTS = """\
import time: self [us] | cumulative | imported package
import time:      1500 |       1500 |   _io
import time:       500 |       2000 | json.decoder
import time:      3000 |       5000 |     sqlalchemy.orm
{"event": "something else"}
import time:      1000 |       1000 | sqlalchemy
"""
STACKS = """\
main (app/__main__.py:36);run (uvicorn/main.py:632);run (asyncio/runners.py:118) 3
main (app/__main__.py:36);load_app (uvicorn/config.py:434);<module> (fastapi/__init__.py:7) 90
handle (starlette/routing.py:1);access (kit/_internal/middleware.py:5);format (kit/logging.py:9);dumps (json/__init__.py:1) 2
execute (sqlalchemy/orm/session.py:2555);__aenter__ (contextlib.py:8) 4
work (threading.py:1) 1
"""
# The beginning of the ids of users.
PREFIX = "01890000-0000-7000-8000-"


def test_output_of_wrk() -> None:
    assert wrk.parse(WRK) == wrk.Summary(139, 7, 130.62, 0.27745, 1020)
    assert wrk.parse(WRK.replace("  Non-2xx or 3xx responses: 7\n", "")).failed == 0
    for wrong in ("", "unable to connect", WRK.replace("99%", "")):
        with pytest.raises(ValueError, match=r"."):
            wrk.parse(wrong)


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.send_response(404 if "ffffffff" in self.path else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PATCH = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("workload", ["mix", "missing"])
def test_substitute_in_python(workload: str) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        arguments = ["--connections", "3", "--duration", "1s", address, workload, "seed", "/api"]
        printed = run(sys.executable, "-m", wrk_substitute.__name__, *arguments, cwd=ROOT).stdout
        server.shutdown()
    summary = wrk.parse(printed)
    assert summary.requests > 3
    assert summary.failed == (summary.requests if workload == "missing" else 0)
    assert 0 < summary.p50 <= summary.p99


def test_substitute_sends_what_wrk_sends() -> None:
    script = (ROOT / "benchmarks/wrk.lua").read_text("utf-8")
    for method, path, _ in wrk_substitute.REQUESTS.values():
        # The prefix of the id and its number are in the format below.
        fixed = path.partition("{")[0].removesuffix(PREFIX)
        assert f'wrk.format("{method}", prefix .. "{fixed}"' in script
    assert f'string.format("{PREFIX}%012x"' in script


def test_report_of_the_suite() -> None:
    assert suite.read(JUNIT).tables["files"].rows == [
        ["`tests/test_b.py`", "1", "65", "65", "`test_long`"],
        ["`tests/test_a.py`", "2", "4", "3", "`test_two`"],
        ["all", "3", "70", "", ""],
    ]
    with pytest.raises(report.NotMeasuredError):
        suite.read("<testsuites/>")


def test_suite_wants_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "JUNIT", tmp_path / "junit.xml")
    with pytest.raises(report.NotMeasuredError, match="make test"):
        suite.measure(tmp_path, quick=True)


def test_process_that_ends_meanwhile() -> None:
    """It was in the list of processes, and has ended before it is measured: all are measured again."""
    measured = []

    def figure(pid: int) -> int:
        measured.append(pid)
        if len(measured) == 1:
            raise FileNotFoundError
        return 3

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert total(process.pid, figure) == 3
        process.communicate(b"\n")
    assert measured == [process.pid] * 2
    with pytest.raises(FileNotFoundError):
        total(process.pid, kilobytes)


def test_imports() -> None:
    assert import_times(IMPORTS) == {"Python's own library": 2.0, "sqlalchemy": 4.0}
    rows = costliest_imports({"first": IMPORTS, "second": ""}, rows=1).rows
    assert rows == [["sqlalchemy", "4", "0"], ["others", "2", "0"], ["all", "6", "0"]]


def test_owners_of_samples() -> None:
    assert profiler.count_samples(STACKS) == {
        "uvicorn, uvloop, httptools": 3,
        "logging, structlog": 2,
        "SQLAlchemy": 4,
        profiler.OTHER: 1,
    }


def test_names_of_gits_commands() -> None:
    for arguments in ("config --get x", "-C /a/folder config x", "-c a.b=c --no-pager config"):
        assert generators.git_command(arguments) == "config"
