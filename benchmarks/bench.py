"""The rendered service with its PostgreSQL, and what a load does to both: for growth.py."""

import contextlib
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import psycopg

from benchmarks import wrk
from benchmarks.clients import PATIENCE, UNANSWERED, Answers, load, percentile
from benchmarks.compared_servers import SEEDS
from benchmarks.measured_server import SERVER_CORE, Server
from benchmarks.postgresql import listening
from benchmarks.resource_usage import cpu, memory
from harness.processes import clean_environment
from harness.project import Project, set_up
from harness.template import copy_of_working_tree, render

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}'"
EXPECTED_STATUSES = {200, 201, 503, UNANSWERED}


class Sizes(NamedTuple):
    """How much is measured: seconds, rounds, clients, and the variants of each table."""

    seconds: float
    # With slow statements: longer than connection_timeout, or its effect would not show.
    slow_seconds: float
    rounds: int
    clients: int
    # Requests a second, or percentages of the most that a worker serves.
    rates: tuple[str, ...]
    # Connections of PgBouncer to PostgreSQL.
    pooler: tuple[int, ...]
    # Connections of a worker to PostgreSQL.
    pools: tuple[int, ...]


class Probe(NamedTuple):
    """During a load: connections to PostgreSQL, and milliseconds of a GET /health/live."""

    connections: int
    live: float


@dataclass
class LoadResult:
    """What the service answered under a load, and what it used for that."""

    answers: Answers
    # CPU seconds of all processes of the service, and of PostgreSQL.
    cpu: float
    database_cpu: float
    # MiB of the service after the load.
    memory: float
    probe: Probe
    # Milliseconds of each request according to the service's log.
    logged: list[float]

    @property
    def mean(self) -> float:
        """The mean latency of successful answers in milliseconds."""
        return statistics.mean(self.answers.good) * 1000

    def latency(self, share: float) -> float:
        """Return a percentile of the latency of successful answers in milliseconds."""
        return percentile(self.answers.good, share) * 1000


@dataclass
class Bench:
    """A rendered service, and the URL of its database with rows."""

    project: Project
    url: str
    sizes: Sizes

    def server(
        self, name: str, settings: Mapping[str, object], cores: str = str(SERVER_CORE)
    ) -> Server:
        """Return the service with these variables in its environment, on these cores."""
        env = {
            "DATABASE_URL": self.url,
            # Requests of disconnected clients must not delay the end of the process.
            "ORDERS_SHUTDOWN_TIMEOUT": "5",
            # Distinguishes its connections from those that PgBouncer keeps of another variant.
            "ORDERS_SERVICE_NAME": name,
        }
        for variable, value in settings.items():
            env[variable] = str(value)
        folder = self.project.folder
        command: list[str | Path] = [folder / ".venv/bin/python", "-m", "app"]
        return Server(name, name, command, folder, clean_environment(env), cores=cores)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def count_connections(self, server: Server) -> int:
        """Return how many connections to PostgreSQL the server has."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(CONNECTIONS.format(server.name).encode()).fetchone()
        assert row
        return int(row[0])

    @property
    def database_pid(self) -> int:
        return int((self.project.folder / ".postgres/postmaster.pid").read_text().split()[0])

    def probe(self, server: Server, delay: float) -> Probe:
        """After a delay in seconds, count connections and time a GET on a new connection."""
        time.sleep(delay)
        connections, begin = self.count_connections(server), time.perf_counter()
        with contextlib.closing(HTTPConnection("127.0.0.1", server.port, PATIENCE)) as client:
            try:
                client.request("GET", "/health/live")
                client.getresponse().read()
            except OSError:
                return Probe(connections, float("nan"))
        return Probe(connections, (time.perf_counter() - begin) * 1000)

    def measure(self, server: Server, work: Callable[[int], Answers], seconds: float) -> LoadResult:
        """Put a running server under a load of about so many seconds.

        `work` takes the port. Raises AssertionError for statuses that the load must not cause.
        """
        log_size = server.log.stat().st_size
        database_pid = self.database_pid
        server_start, database_start = cpu(server.pid), cpu(database_pid)
        with ThreadPoolExecutor(1) as pool:
            probe = pool.submit(self.probe, server, seconds * 0.7)
            answers = work(server.port)
            server_cpu = cpu(server.pid) - server_start
            database_cpu = cpu(database_pid) - database_start
        assert answers.good, f"{server.name} has served nothing"
        unexpected = set(answers.times) - EXPECTED_STATUSES
        assert not unexpected, f"{server.name} has answered {unexpected}"
        durations = logged_durations(server.log, log_size)
        return LoadResult(
            answers, server_cpu, database_cpu, memory(server.pid), probe.result(), durations
        )

    def saturate(
        self, server: Server, request: Callable[[], bytes], seconds: float = 0
    ) -> LoadResult:
        """Start the server, warm it up, and measure it under requests of all clients."""
        seconds = seconds or self.sizes.seconds
        send = partial(load, request=request, clients=self.sizes.clients)
        with server.running():
            send(server.port, seconds=min(2, seconds))
            return self.measure(server, partial(send, seconds=seconds), seconds)


def logged_durations(log: Path, begin: int) -> list[float]:
    """Return the milliseconds of the requests in a log of JSON lines, from this offset on."""
    durations = []
    with log.open("rb") as file:
        file.seek(begin)
        for line in file:
            if b'"duration_ms"' in line:
                durations.append(json.loads(line)["duration_ms"])
    return durations


@contextlib.contextmanager
def set_up_bench(folder: Path, sizes: Sizes) -> Iterator[Bench]:
    """Render and migrate the service; yield it with a PostgreSQL that has rows."""
    source = copy_of_working_tree(folder / "template")
    rendered = render(source, folder / "orders", {"database": "postgresql"})
    with set_up(rendered, "postgresql") as project, listening(project, wrk.CORE) as url:
        bench = Bench(project, url, sizes)
        bench.execute(SEEDS["postgresql"])
        yield bench
