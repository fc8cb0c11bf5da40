"""The project's own server process: it serves, drains, and says in one line why it cannot."""

import contextlib
import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from harness.databases import Server as DatabaseServer
from harness.processes import lines_of, only, wait_for
from harness.project import FIRST, Project
from harness.servers import RunningService, free_port
from harness.slow_routes import with_slow_routes

pytestmark = pytest.mark.seconds(40)

BODY = b'{"email": "ada@example.com", "name": "Ada"}'
REQUEST = (
    b"POST /users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY)
)


@pytest.fixture
def migrated(project: Project, url: str) -> str:
    project.alembic(url, "upgrade", "head")
    return url


COMMANDS = [
    "make run",
    "make dev",
    "python -m app",
    "fastapi dev --port $PORT",
    "uvicorn app.main:app --port $PORT",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_serves(project: Project, migrated: str, tmp_path: Path, command: str) -> None:
    shell = ("sh", "-c", f"exec {command}")
    with (
        project.serve(*shell, url=migrated, log=tmp_path / "log") as server,
        httpx.Client(base_url=server.address, timeout=10) as client,
    ):
        assert client.get("/health/ready").status_code == 200
        created = client.post("/users", json={"email": "Ada@Example.com", "name": "Ada"})
        assert created.status_code == 201
        user = created.json()
        assert user["email"] == "ada@example.com"
        assert client.get(created.headers["Location"]).json() == user
        again = client.post("/users", json={"email": "ADA@example.com", "name": "B"})
        assert (again.status_code, again.json()["type"]) == (409, "urn:problem:email-taken")
        changed = client.patch(created.headers["Location"], json={"name": "Ada L."})
        assert changed.json() == {
            **user,
            "name": "Ada L.",
            "updated_at": changed.json()["updated_at"],
        }
        assert client.get("/users").json()["items"] == [changed.json()]
        assert client.get("/docs").status_code == 200
        assert client.delete(created.headers["Location"]).status_code == 204
        missing = client.get(created.headers["Location"])
        assert missing.status_code == 404
        assert missing.headers["Content-Type"] == "application/problem+json"
    assert not server.listens()
    assert not [line for line in server.log.splitlines() if "Traceback" in line]


def begin_request(server: RunningService) -> socket.socket:
    """Send a POST and return once the application has asked for its body: it is being served."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall(REQUEST)
    assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
    connection.sendall(BODY)
    return connection


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_sigterm_lets_a_request_end(
    project: Project, server: DatabaseServer, migrated: str, tmp_path: Path
) -> None:
    """The request waits for the database until after the signal; it is answered, then all ends."""
    with project.serve("python", "-m", "app", url=migrated, log=tmp_path / "log") as served:
        with server.writes_held(migrated):
            connection = begin_request(served)
            served.process.send_signal(signal.SIGTERM)
            wait_for(lambda: not served.listens(), "the server takes no new connection")
            assert served.process.poll() is None, served.log
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 201 "), answer + served.log.encode()
        assert served.wait() == 0, served.log
    assert server.query(migrated, "SELECT email FROM users") == [("ada@example.com",)]


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_hanging_request_does_not_outlive_the_shutdown_timeout(
    project: Project, server: DatabaseServer, migrated: str, tmp_path: Path
) -> None:
    limits = {"ORDERS_SHUTDOWN_TIMEOUT": "1", "ORDERS_STATEMENT_TIMEOUT": "300"}
    command, log = ("python", "-m", "app"), tmp_path / "log"
    with (
        project.serve(*command, url=migrated, env=limits, log=log) as served,
        server.writes_held(migrated),
        begin_request(served),
    ):
        served.process.send_signal(signal.SIGTERM)
        served.wait(20)


@pytest.fixture
def local(light_project: Project, tmp_path: Path) -> Project:
    """Return a copy with a migrated database of its own."""
    url = f"sqlite:///{tmp_path}/orders.db"
    light_project.alembic(url, "upgrade", "head")
    return light_project.copy(tmp_path / "orders", url)


@contextlib.contextmanager
def workers(project: Project, log: Path) -> Iterator[RunningService]:
    with project.serve("python", "-m", "app", env={"ORDERS_WORKERS": "2"}, log=log) as server:
        wait_for(lambda: len(worker_pids(server)) == 2, "both workers serve", 30)
        yield server


def worker_pids(server: RunningService) -> list[int]:
    """Return the workers that have started, those that are dead included."""
    started = []
    for line in server.log.splitlines():
        # Two processes may write at the same time.
        started += re.findall(r"Started server process \[(\d+)\]", line)
    return [int(pid) for pid in started]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_workers_close_the_port_at_once(
    local: Project, tmp_path: Path, stop: signal.Signals
) -> None:
    """As one process does: who connects later is refused, who is served is answered."""
    with workers(local, tmp_path / "log") as server:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        connection.sendall(REQUEST)
        assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
        server.process.send_signal(stop)
        wait_for(lambda: not server.listens(), "the port is closed", deadline=5)
        time.sleep(0.6)  # By then the parent has looked after its workers again.
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
        wait_for(lambda: len(worker_pids(server)) == 3, "another worker has started", 30)
        assert server.answers()
    report = only([line for line in server.log.splitlines() if " died" in line])
    record = json.loads(report)
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
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
    ):
        connection.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")
        (project.folder / "app/users/__init__.py").write_text("# changed\n", "utf-8")
        wait_for(lambda: len(worker_pids(server)) == 2, "the changed code serves")
    begin, end = time_of("Shutting down", server), time_of("Finished server process", server)
    assert (end - begin).total_seconds() < 5
    assert "Traceback" not in server.log


def time_of(event: str, server: RunningService) -> datetime:
    """Return when this was first logged."""
    line = next(line for line in server.log.splitlines() if event in line)
    return datetime.fromisoformat(json.loads(line)["timestamp"])


def test_behind_is_not_ready(project: Project, url: str, tmp_path: Path) -> None:
    """Migrating is a step of the deployment: the server neither does it nor dies of it."""
    with project.serve("python", "-m", "app", url=url, log=tmp_path / "log") as server:
        answer = httpx.get(f"{server.address}/health/ready")
        assert answer.status_code == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
        project.alembic(url, "upgrade", "head")
        assert httpx.get(f"{server.address}/health/ready").status_code == 200


@pytest.mark.parametrize("command", ["make dev", "python -m app"])
def test_taken_port_is_one_line(project: Project, migrated: str, command: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        environment = {"DATABASE_URL": migrated, "PORT": port}
        done = project.run(*command.split(), env=environment, code=None)
    lines = lines_of(done.stderr)
    assert len(lines) == 1, done.stderr
    assert port in lines[0]


@pytest.mark.parametrize("command", ["make run", "python -m app"])
def test_unreadable_url_is_one_line(project: Project, server: DatabaseServer, command: str) -> None:
    environment = {"DATABASE_URL": server.UNREADABLE, "PORT": str(free_port())}
    done = project.run(*command.split(), env=environment, code=None)
    lines = lines_of(done.stderr)
    assert len(lines) == 1, done.stderr
    assert "DATABASE_URL" in lines[0]
    assert "s3cret" not in done.stderr + done.stdout


def test_awkward_address(
    project: Project, server: DatabaseServer, url: str, tmp_path: Path
) -> None:
    """Percent-encoded, any character may be in it: for Alembic, the shell and the server."""
    with server.awkward(url, tmp_path) as address:
        project.alembic(address, "upgrade", "head")
        given = {"DATABASE_URL": address}
        assert FIRST in project.make("db-status", env=given).stdout
        query = "SELECT version_num FROM alembic_version;\n"
        assert FIRST in project.make("db-shell", stdin=query, env=given).stdout
        with project.serve("python", "-m", "app", url=address, log=tmp_path / "log") as served:
            assert httpx.get(f"{served.address}/health/ready").status_code == 200


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_password_is_in_no_log(project: Project, server: DatabaseServer, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert "s3cret" in server.UNREACHABLE
    with project.serve("python", "-m", "app", url=server.UNREACHABLE, log=log) as served:
        answers = [httpx.get(f"{served.address}{path}") for path in ("/health/ready", "/users")]
        assert {answer.status_code for answer in answers} == {503}
    assert "s3cret" not in served.log + "".join(answer.text for answer in answers)
