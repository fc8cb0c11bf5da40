"""The server process of a project: it serves, drains, and names the reason when it cannot."""

import signal
import socket
from pathlib import Path

import httpx
import pytest

from harness.databases import Server as DatabaseServer
from harness.processes import lines_of, wait_for
from harness.project import FIRST, Project
from harness.raw_http import BODY, announce_user, read_all
from harness.servers import free_port

pytestmark = pytest.mark.seconds(25)


@pytest.fixture
def migrated(project: Project, url: str) -> str:
    project.alembic(url, "upgrade", "head")
    return url


# The databases take turns; both are started by `make dev`.
COMMANDS = [
    ("postgresql", "make run"),
    ("postgresql", "make dev"),
    ("postgresql", "uvicorn app.main:app --port $PORT"),
    ("sqlite", "make dev"),
    ("sqlite", "python -m app"),
    ("sqlite", "fastapi dev --port $PORT"),
]


@pytest.mark.parametrize(("project", "command"), COMMANDS, indirect=["project"])
def test_serves(project: Project, migrated: str, tmp_path: Path, command: str) -> None:
    shell = ("sh", "-c", f"exec {command}")
    with (
        project.serve(*shell, url=migrated, log=tmp_path / "log") as server,
        httpx.Client(base_url=server.address, timeout=60) as client,
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
    assert "Traceback" not in server.log


def test_sigterm_lets_a_request_end(
    project: Project, server: DatabaseServer, migrated: str, tmp_path: Path
) -> None:
    """The request waits for the database until after the signal; it is answered, then all ends."""
    with project.serve("python", "-m", "app", url=migrated, log=tmp_path / "log") as served:
        with server.writes_held(migrated):
            connection = announce_user(served)
            connection.sendall(BODY)
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
        announce_user(served) as connection,
    ):
        connection.sendall(BODY)
        served.process.send_signal(signal.SIGTERM)
        served.wait()


def test_behind_is_not_ready(project: Project, url: str, tmp_path: Path) -> None:
    """Migrating is a step of the deployment: the server neither does it nor dies of it."""
    with project.serve("python", "-m", "app", url=url, log=tmp_path / "log") as server:
        answer = httpx.get(f"{server.address}/health/ready")
        assert answer.status_code == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
        project.alembic(url, "upgrade", "head")
        assert httpx.get(f"{server.address}/health/ready").status_code == 200


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
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


@pytest.mark.parametrize(
    ("project", "command"),
    [("postgresql", "python -m app"), ("sqlite", "make run")],
    indirect=["project"],
)
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
        environment = {"DATABASE_URL": address}
        assert FIRST in project.script("status", env=environment).stdout
        query = "SELECT version_num FROM alembic_version;\n"
        assert FIRST in project.make("db-shell", stdin=query, env=environment).stdout
        with project.serve("python", "-m", "app", url=address, log=tmp_path / "log") as served:
            assert httpx.get(f"{served.address}/health/ready").status_code == 200


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_password_is_in_no_log(project: Project, server: DatabaseServer, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert "s3cret" in server.UNREACHABLE
    with project.serve("python", "-m", "app", url=server.UNREACHABLE, log=log) as served:
        for path in ("/health/ready", "/users"):
            answer = httpx.get(f"{served.address}{path}")
            assert answer.status_code == 503
            assert "s3cret" not in answer.text
    assert "s3cret" not in served.log
