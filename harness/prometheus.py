"""Prometheus, its promtool and a Pushgateway, as Debian has them, and what a service exposes."""

import contextlib
import json
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from harness.processes import clean_environment, run, wait_for
from harness.programs import program
from harness.project import Project
from harness.servers import RunningService, free_port

SCRAPE = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: service
    static_configs:
      - targets: {targets}
"""
# A user of the Pushgateway; the hash is that of the password "p@ss:word/1".
USER, PASSWORD_IN_URL = "team", "p%40ss%3Aword%2F1"
USERS = f"""
basic_auth_users:
  {USER}: $2b$04$i8yqJaXOSHl1Sj9l78EUEODbQrU/rQXNQGGSRKbQL1cPdW8AtzCSq
"""


def free_ports(count: int) -> int:
    """Return the first of several successive ports that are free."""
    while True:
        first = secrets.randbelow(10_000) + 10_000
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


@contextlib.contextmanager
def serving_metrics(
    project: Project, folder: Path, *command: str, **settings: str
) -> Iterator[tuple[RunningService, int]]:
    """Serve a project with its log in the folder; yield it and the first port of its metrics."""
    port = free_ports(2)
    env = {"ORDERS_METRICS_PORT": str(port), **settings}
    command = command or ("python", "-m", "app")
    with project.serve(*command, env=env, log=folder / "log") as server:
        yield server, port


def scrape(port: int) -> str:
    """Return the metrics of a worker."""
    response = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
    assert response.status_code == httpx.codes.OK, response.text
    return response.text


def samples(port: int) -> dict[str, float]:
    """Return the samples of a worker, by name and labels as they are written."""
    values = {}
    for line in scrape(port).splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
    return values


def serves_metrics(port: int) -> bool:
    """Return whether a worker serves its metrics."""
    with contextlib.suppress(httpx.TransportError):
        return bool(scrape(port))
    return False


def check_metrics(text: str) -> None:
    """Raise AssertionError if promtool has an error or an advice about metrics."""
    promtool = program("promtool", package="prometheus")
    done = run(promtool, "check", "metrics", cwd=Path.cwd(), stdin=text)
    assert not done.stdout + done.stderr


@dataclass
class Prometheus:
    """A running server of Prometheus."""

    address: str

    def query(self, expression: str) -> list[Any]:
        """Return the result of a query."""
        parameters = {"query": expression}
        response = httpx.get(f"{self.address}/api/v1/query", params=parameters, timeout=10)
        answer = response.json()
        assert answer["status"] == "success", answer
        result: list[Any] = answer["data"]["result"]
        return result

    def value(self, expression: str) -> float:
        """Return the value of a query with a single result; NaN is that of no result."""
        result = self.query(expression)
        return float(result[0]["value"][1]) if result else float("nan")


@contextlib.contextmanager
def prometheus(targets: Sequence[int], folder: Path) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes these ports each second; its files are in the folder."""
    server = program("prometheus", package="prometheus")
    addresses = [f"127.0.0.1:{port}" for port in targets]
    configuration = folder / "prometheus.yml"
    configuration.write_text(SCRAPE.format(targets=json.dumps(addresses)), "utf-8")
    port = free_port()
    options = [
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running([server, *options], f"http://127.0.0.1:{port}", folder):
        yield Prometheus(f"http://127.0.0.1:{port}")


@contextlib.contextmanager
def pushgateway(folder: Path, *, password: bool = False) -> Iterator[str]:
    """Run a Pushgateway; yield its URL, with the user and the password if it requires them."""
    server = program("prometheus-pushgateway", package="prometheus-pushgateway")
    port = free_port()
    options = [
        f"--web.listen-address=127.0.0.1:{port}",
        # Debian's default is a file that all of them would share.
        f"--persistence.file={folder / 'pushgateway'}",
    ]
    user = ""
    if password:
        users = folder / "users.yml"
        users.write_text(USERS, "utf-8")
        options.append(f"--web.config.file={users}")
        user = f"{USER}:{PASSWORD_IN_URL}@"
    with running([server, *options], f"http://127.0.0.1:{port}", folder):
        yield f"http://{user}127.0.0.1:{port}"


@contextlib.contextmanager
def running(command: Sequence[str], address: str, folder: Path) -> Iterator[None]:
    """Run a server of the Prometheus project; the block begins when it is ready."""
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text("utf-8")
        with contextlib.suppress(httpx.TransportError):
            # A server with passwords answers 401.
            return httpx.get(f"{address}/-/ready", timeout=5).status_code in {200, 401}
        return False

    try:
        wait_for(is_ready, f"{command[0]} is ready")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def pushed(url: str) -> dict[str, dict[str, float]]:
    """Return the metrics that a Pushgateway has of each command of orders, by name."""
    response = httpx.get(f"{url}/api/v1/metrics", timeout=10)
    response.raise_for_status()
    commands = {}
    for group in response.json()["data"]:
        if group["labels"]["job"] == "orders":
            commands[group["labels"]["command"]] = values_of(group)
    return commands


def values_of(group: dict[str, Any]) -> dict[str, float]:
    """Return the values of a group of the Pushgateway that its commands have pushed."""
    values = {}
    for name, family in group.items():
        if name.startswith("job_"):
            values[name] = float(family["metrics"][0]["value"])
    return values
