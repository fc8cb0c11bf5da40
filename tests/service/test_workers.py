"""The worker processes of a served project: they drain, are replaced, and end with their parent."""

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from harness.output import lines_with
from harness.processes import only, wait_for
from harness.project import Project
from harness.raw_http import BODY, announce_user, connect, read_all
from harness.servers import RunningService, free_port
from harness.slow_routes import with_slow_routes

pytestmark = pytest.mark.seconds(20)


@pytest.fixture
def local(light_project: Project, tmp_path: Path) -> Project:
    """Return a copy with a migrated database of its own."""
    url = f"sqlite:///{tmp_path}/orders.db"
    light_project.alembic(url, "upgrade", "head")
    return light_project.copy(tmp_path / "orders", url)


@contextlib.contextmanager
def workers(project: Project, log: Path) -> Iterator[RunningService]:
    with project.serve("python", "-m", "app", env={"ORDERS_WORKERS": "2"}, log=log) as server:
        wait_for(lambda: len(worker_pids(server)) == 2, "both workers serve")
        yield server


def worker_pids(server: RunningService) -> list[int]:
    """Return the workers that have started, those that are dead included."""
    started = re.findall(r"Started server process \[(\d+)\]", server.log)
    return [int(pid) for pid in started]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_workers_close_the_port_at_once(
    local: Project, tmp_path: Path, stop: signal.Signals
) -> None:
    """As one process does: later connections are refused, requests that have begun are answered."""
    with workers(local, tmp_path / "log") as server:
        connection = announce_user(server)
        server.process.send_signal(stop)
        wait_for(lambda: not server.listens(), "the port is closed")
        time.sleep(0.6)  # By then the parent has checked its workers again.
        assert not server.listens()
        assert server.process.poll() is None, server.log
        connection.sendall(BODY)
        assert read_all(connection).startswith(b"HTTP/1.1 201 ")
        assert server.wait() == 0, server.log
    assert "died" not in server.log


def test_worker_that_dies_is_an_error_and_replaced(local: Project, tmp_path: Path) -> None:
    with workers(local, tmp_path / "log") as server:
        pid = worker_pids(server)[0]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(worker_pids(server)) == 3, "another worker has started")
        assert server.answers()
    record = json.loads(only(lines_with(server.log, " died")))
    assert record["level"] == "error"
    assert record["event"] == f"worker process {pid} died, exit code -9: starting another"


@pytest.mark.parametrize("command", ["python -m app", "python -m app --reload"])
def test_killed_parent_takes_its_workers_along(
    local: Project, tmp_path: Path, command: str
) -> None:
    env = {"ORDERS_WORKERS": "2"}
    with local.serve(*command.split(), env=env, log=tmp_path / "log") as server:
        server.process.kill()
        server.process.wait()
        wait_for(lambda: not server.listens(), "nothing serves the port")
        wait_for(lambda: "Finished server process" in server.log, "the worker has ended properly")


def test_workers_that_cannot_start_are_a_failure(local: Project, tmp_path: Path) -> None:
    (local.folder / "app/users/__init__.py").write_text("raise SystemExit(3)\n", "utf-8")
    env = {"ORDERS_WORKERS": "2", "PORT": str(free_port())}
    done = local.run("python", "-m", "app", env=env, code=None)
    assert "failed to start" in done.stderr


def test_open_stream_does_not_hold_up_a_reload(light_project: Project, tmp_path: Path) -> None:
    """Rather than for the half minute that requests have in production."""
    project = with_slow_routes(light_project, tmp_path)
    with (
        project.serve("make", "dev", log=tmp_path / "log") as server,
        connect(server, b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection,
    ):
        assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")
        (project.folder / "app/users/__init__.py").write_text("# changed\n", "utf-8")
        wait_for(lambda: len(worker_pids(server)) == 2, "the changed code serves")
    begin, end = time_of("Shutting down", server), time_of("Finished server process", server)
    assert (end - begin).total_seconds() < 25
    assert "Traceback" not in server.log


def time_of(event: str, server: RunningService) -> datetime:
    """Return when this was first logged."""
    line = lines_with(server.log, event)[0]
    return datetime.fromisoformat(json.loads(line)["timestamp"])
