"""The buffering proxy of `deploy/nginx`, in front of a served project."""

import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.processes import wait_for
from harness.programs import program
from harness.project import Project
from harness.servers import RunningService, free_port

HEAD = b"POST /users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
# Another address than that of the other clients.
SLOW_CLIENT = ("127.0.0.2", 0)
ALLOWED = 100


@pytest.fixture(scope="module")
def served(
    light_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("proxied")
    url = f"sqlite:///{folder}/orders.db"
    light_project.alembic(url, "upgrade", "head")
    with light_project.serve("python", "-m", "app", url=url, log=folder / "log") as server:
        yield server


@pytest.fixture(scope="module")
def proxy(
    light_project: Project, served: RunningService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """Yield the port of an nginx with the project's configuration, and shorter timeouts."""
    nginx = program("nginx", package="nginx-light")
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    changes = {
        "listen 8080": f"listen {port}",
        "server 127.0.0.1:8000": f"server 127.0.0.1:{served.port}",
        "client_body_timeout 10s": "client_body_timeout 6s",
        "worker_processes auto": "worker_processes 1",
    }
    text = (light_project.folder / "deploy/nginx/nginx.conf").read_text("utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    configuration = folder / "nginx.conf"
    configuration.write_text(text, "utf-8")
    options = f"daemon off; pid {folder}/pid;"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [nginx, "-p", folder, "-c", configuration, "-g", options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(lambda: answers(process, port, folder / "log"), "nginx answers")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def answers(process: "subprocess.Popen[bytes]", port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text("utf-8")
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/health/live").is_success
    return False


def open_sockets(server: RunningService) -> int:
    count = 0
    for path in Path(f"/proc/{server.process.pid}/fd").iterdir():
        count += os.readlink(path).startswith("socket:")
    return count


def test_requests_pass(proxy: int) -> None:
    user = {"email": "ada@example.com", "name": "Ada"}
    created = httpx.post(f"http://127.0.0.1:{proxy}/users", json=user)
    assert created.status_code == 201
    assert re.fullmatch(r"[0-9a-f]{32}", created.headers["X-Request-ID"])


def test_what_the_proxy_refuses_is_a_problem(proxy: int) -> None:
    response = httpx.post(f"http://127.0.0.1:{proxy}/users", content=b" " * 2_000_000)
    assert response.status_code == 413
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == 413
    assert problem["request_id"] == response.headers["X-Request-ID"]


def test_slow_clients_do_not_reach_the_service(proxy: int, served: RunningService) -> None:
    before = open_sockets(served)
    with contextlib.ExitStack() as stack:
        slow = []
        for _ in range(2 * ALLOWED):
            connection = socket.create_connection(
                ("127.0.0.1", proxy), timeout=30, source_address=SLOW_CLIENT
            )
            connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
            slow.append(stack.enter_context(connection))
        assert httpx.get(f"http://127.0.0.1:{proxy}/health/live").status_code == 200
        assert open_sockets(served) < before + 10
        statuses = sorted(map(status_of, slow))
    # Connections above the limit of a client are refused; the others are reset after the timeout.
    assert statuses == [b""] * ALLOWED + [b"429"] * ALLOWED


def status_of(connection: socket.socket) -> bytes:
    """Return the status of the response, or nothing if the connection ends without a response."""
    try:
        return connection.recv(1024)[9:12]
    except ConnectionResetError:
        return b""
