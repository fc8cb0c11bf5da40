"""The benchmarks: what they read and write is right, and every part runs. No speed is asserted."""

import http.server
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks import generators, profiler, report, start, suite, wrk, wrk_substitute
from benchmarks.imports import costliest_imports, import_times
from benchmarks.report import PAGES, Report, Table, machine, write
from benchmarks.resource_usage import kilobytes, total
from harness.processes import run
from harness.template import ROOT
from tools.reference import PART, rows_of

pytestmark = pytest.mark.seconds(150)

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
# Of the ids of the users.
PREFIX = "01890000-0000-7000-8000-"
PAGE = """\
# Service

By hand.

<!-- generated: machine -->
<!-- end -->

<!-- generated: cost -->
old
<!-- end -->

<!-- generated: gone -->
old
<!-- end -->
"""


def figures(text: str, name: str) -> dict[str, list[float]]:
    """Return what a table has after the first cell of each row, where that is a figure."""
    return {
        row[0]: [float(cell.replace(",", "")) for cell in row[1:] if re.match(r"[\d.,]+$", cell)]
        for row in rows_of(text, name)
    }


def test_table() -> None:
    rows = [["a|b", "1,000", "fails", "x"], ["c", "–", "2.5", "1"], ["d", "", "-3 %", ""]]
    assert Table(["", "n", "s", "t"], rows).markdown() == (
        "|  | n | s | t |\n| --- | ---: | ---: | --- |\n"
        "| a\\|b | 1,000 | fails | x |\n| c | – | 2.5 | 1 |\n| d |  | -3 % |  |\n"
    )
    assert Table(["a"], []).markdown() == "| a |\n| --- |\n"


def test_page_is_filled(tmp_path: Path) -> None:
    """What is written by hand stays; what is not measured does not look as if it were."""
    page = tmp_path / "service.md"
    page.write_text(PAGE, "utf-8")
    found = Report({"cost": Table(["a"], [["1"]])}, versions={"copier": "9.8.7"})
    for _ in range(2):  # A second time changes nothing.
        write("service", found, tmp_path)
        text = page.read_text("utf-8")
        assert text.startswith(
            "# Service\n\nBy hand.\n\n<!-- generated: machine -->\n\nMeasured on"
        )
        assert "copier 9.8.7" in text
        assert "\n| a |\n| ---: |\n| 1 |\n" in text
        assert text.count("Not measured.") == 1
        assert "old" not in text
    with pytest.raises(ValueError, match=r"service\.md has no place for new, service-plot\.svg"):
        write("service", Report(notes={"new": "!"}, plots={"plot": lambda _: None}), tmp_path)


def test_machine() -> None:
    assert re.fullmatch(
        r"Measured on \d{4}-\d\d-\d\d on \d+ cores of .+ with \d+ GiB of memory, .+, with"
        r" the template \d+\.\d+\.\d+, b 1\.0, Python 3\.\d+\.\d+\.",
        machine({"b": "1.0"}),
    )


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
        arguments = ["--connections", "3", "--duration", "1s", address, workload, "seed", "users"]
        printed = run(sys.executable, "-m", wrk_substitute.__name__, *arguments, cwd=ROOT).stdout
        server.shutdown()
    found = wrk.parse(printed)
    assert found.requests > 3
    assert found.failed == (found.requests if workload == "missing" else 0)
    assert 0 < found.p50 <= found.p99


def test_substitute_sends_what_wrk_sends() -> None:
    script = (ROOT / "benchmarks/wrk.lua").read_text("utf-8")
    for method, path, _ in wrk_substitute.REQUESTS.values():
        asked, _, number = path.partition("{")
        fixed = asked.removesuffix(PREFIX) if number else asked
        assert f'wrk.format("{method}", "{fixed}"' in script
    assert f'string.format("{PREFIX}%012x"' in script


def test_report_of_the_suite() -> None:
    found = suite.read(JUNIT)
    assert found.tables["files"].rows == [
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
    """It was in the list, and is not there any more when it is asked: all are asked again."""
    asked = []

    def figure(pid: int) -> int:
        asked.append(pid)
        if len(asked) == 1:
            raise FileNotFoundError
        return 3

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert total(process.pid, figure) == 3
        process.communicate(b"\n")
    assert asked == [process.pid] * 2
    with pytest.raises(FileNotFoundError):
        total(process.pid, kilobytes)


def test_imports() -> None:
    assert import_times(IMPORTS) == {"Python's own library": 2.0, "sqlalchemy": 4.0}
    rows = costliest_imports({"one": IMPORTS, "two": ""}, rows=1).rows
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


def test_parts_by_name() -> None:
    done = run(sys.executable, "-m", "benchmarks", "speed", cwd=ROOT, code=2)
    assert "no such part: speed" in done.stderr


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_figures_are_generated(page: Path) -> None:
    """By hand a page says neither how long something takes nor how often it is as fast."""
    text = PART.sub("", page.read_text("utf-8"))
    assert not re.findall(r"\d+(?:\.\d+)? ?(?:ms|µs|microseconds|milliseconds|times)\b", text)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmarks")
    command = [sys.executable, "-m", "benchmarks", "service", "migrations", "generator"]
    run(*command, "--quick", "--docs", folder, cwd=ROOT, timeout=900)
    return folder


@pytest.mark.slow
def test_service(pages: Path) -> None:
    text = (pages / "service.md").read_text("utf-8")
    floor, service, usual = "Starlette, asyncpg, orjson by hand", "this service", "the usual recipe"
    for name in ("cpu", "throughput", "p50", "p99", "ratio", "start"):
        found = figures(text, name)
        released = f"{service}, as last released"
        assert list(found) == [floor, service, released, f"{usual}, asynchronous"]
        assert all(len(row) >= 2 and min(row) > 0 for row in found.values())
    cpu = figures(text, "cpu")
    assert all(low < high for low, high in zip(cpu[floor], cpu[service], strict=True))
    assert set(figures(text, "profile")) >= {"SQLAlchemy", "FastAPI, Starlette", "asyncpg"}
    assert {"sqlalchemy", "fastapi", "all"} <= set(figures(text, "imports"))


@pytest.mark.slow
def test_migrations(pages: Path) -> None:
    text = (pages / "migrations.md").read_text("utf-8")
    for name, sizes in (("revisions-sqlite", ["1", "20"]), ("tables-sqlite", ["5"])):
        rows = rows_of(text, name)
        commands = ("upgrade head", "current", "check", "revision --autogenerate")
        assert [row[:2] for row in rows] == [[one, size] for one in commands for size in sizes]
        assert all(float(cell) > 0 for row in rows for cell in row[2:])
    assert len(rows_of(text, "growth")) == 4
    web = {"fastapi", "starlette", "uvicorn"}
    assert not web & set(figures(text, "imports")), "the web stack is imported to migrate"


@pytest.mark.slow
def test_generator(pages: Path) -> None:
    text = (pages / "generator.md").read_text("utf-8")
    cost = figures(text, "cost")
    assert [name.split()[0] for name in cost] == ["copier"] * 3 + ["cookiecutter,"] * 2
    assert all(row[1] > 0 and row[2] > 0 for row in cost.values())
    files = [row[0] for row in cost.values()]
    assert files[0] == files[3] > 20
    assert files[2] == files[4] == 1
    assert figures(text, "git")["git config"][0] > 0
    assert figures(text, "profile")["copier"][0] > 0


@pytest.mark.slow
def test_start(tmp_path: Path) -> None:
    found = start.measure(tmp_path, quick=True)
    rows = found.tables["time"].rows
    assert [row[1] for row in rows] == [*start.STEPS, "total"]
    assert all(float(cell) > 0 for row in rows for cell in row[2:])
    assert len(found.tables["limits"].rows) == 2
