"""The service and what it is measured against, each a process of its own on one core."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
import psycopg

from benchmarks import peer
from benchmarks.costs import cpu, tree
from benchmarks.load import CORE as OTHER_CORE
from benchmarks.load import put_under_load
from benchmarks.postgresql import listening
from harness.databases import server_of
from harness.processes import clean_environment, run, wait_for
from harness.project import Project, set_up, uv_folder
from harness.releases import git, released
from harness.servers import free_port
from harness.template import ROOT, copy_of_working_tree, render

HERE = Path(__file__).parent
SERVER_CORE = 0
BOTH_CORES = f"{SERVER_CORE},{OTHER_CORE}"
ROWS = 1000
SEEDS = {
    "postgresql": f"""
        INSERT INTO users (id, email, name)
        SELECT ('01890000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
            'seeded' || i || '@example.com', 'Seeded ' || i
        FROM generate_series(0, {ROWS - 1}) AS i;
    """,
    "sqlite": f"""
        INSERT INTO users (id, email, name)
        WITH RECURSIVE series (i) AS (
            SELECT 0 UNION ALL SELECT i + 1 FROM series WHERE i < {ROWS - 1}
        )
        SELECT '01890000000070008000' || printf('%012x', i),
            'seeded' || i || '@example.com', 'Seeded ' || i FROM series;
    """,
}
TITLES = {
    "floor": "Starlette, asyncpg, orjson by hand",
    "raw": "FastAPI, asyncpg",
    "service": "this service",
    "released": "this service, as last released",
    "granian": "this service on granian",
    "usual_async": "the usual recipe, asynchronous",
    "usual_sync": "the usual recipe, in the thread pool",
    "peer": peer.PACKAGE,
}
# What logs nothing, as its author would leave it; the others are started as their users do.
QUIET = {"floor", "raw"}

# These have to stand every load.
SOUND = {"floor", "raw", "service", "released"}
# The peer has no route that changes a row.
PEER_HAS = {"by_id", "list", "post", "missing"}
GRANIAN = ["--interface", "asgi", "--factory", "--loop", "uvloop", "--host", "127.0.0.1"]
# It has to log what the service logs elsewhere.
LOG = {
    "formatters": {
        "default": {
            "()": "kit.logging.Formatter",
            "context": "ext://structlog.contextvars.get_contextvars",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "default"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {},
}

# What is asked for, by its name in wrk.lua, and on how many connections.
Load = tuple[str, int]


class Cost(NamedTuple):
    """Microseconds of CPU a request, requests a second, and milliseconds of waiting."""

    cpu: float
    throughput: float
    p50: float
    p99: float


@dataclass
class Contestant:
    """A server to be measured: how it is started, and what has been measured so far."""

    name: str
    title: str
    command: list[str | Path]
    folder: Path
    env: dict[str, str]
    routes: str = "users"
    end: signal.Signals = signal.SIGTERM
    cores: str = str(SERVER_CORE)
    address: str = ""
    pid: int = 0
    costs: dict[Load, list[Cost]] = field(default_factory=dict)
    # Seconds of CPU and on the clock from the start to the first answer.
    starts: list[tuple[float, float]] = field(default_factory=list)
    memory: float = 0
    # Under what it has not answered, or not as it should.
    failed: set[Load] = field(default_factory=set)

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def again(self, **changes: Any) -> Self:
        """Return the same contestant with these changes, of which nothing has been measured yet."""
        return replace(self, **{"costs": {}, "starts": [], "failed": set(), **changes})

    def has(self, load: Load) -> bool:
        """Return whether it is to be put under this load."""
        if self.name == "granian":
            return load[0] in {"by_id", "list"}
        return self.routes == "users" or load[0] in PEER_HAS

    def best(self, load: Load, figure: str) -> float | None:
        """Return the best that any round has shown: what disturbs a round only makes it worse.

        None where there was none, or where it has failed in one.
        """
        costs = [] if load in self.failed else self.costs.get(load, [])
        found = [getattr(cost, figure) for cost in costs]
        return (max if figure == "throughput" else min)(found, default=None)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start it on its cores; wait for its first answer, and note what that took."""
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        command = ["taskset", "--cpu-list", self.cores, *self.command]
        begin = time.perf_counter()
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [str(part).format(port=port) for part in command],
                cwd=self.folder,
                env={**self.env, "PORT": str(port), "PEER_PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.pid = process.pid
            wait_for(lambda: self.answers(process), f"{self.name} answers")
            self.starts.append((cpu(self.pid), time.perf_counter() - begin))
            yield
        finally:
            started = tree(self.pid)
            process.send_signal(self.end)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:  # It waits for requests that are stuck.
                for pid in started:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.wait()

    def answers(self, process: "subprocess.Popen[bytes]") -> bool:
        """Return whether it does now; raise AssertionError when its process has ended."""
        assert process.poll() is None, self.log.read_text("utf-8")
        path = "/api/dummy/?limit=20" if self.routes == "dummy" else "/users?limit=20"
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(self.address + path, timeout=10).is_success
        return False

    def warm(self, load: Load) -> None:
        """Put it under load for a second, whatever comes of it."""
        put_under_load(self.address, *load, 1, self.routes)

    def load(self, load: Load, seconds: int) -> None:
        """Put it under load; note what a request cost, or that it has failed."""
        before = cpu(self.pid)
        answers = put_under_load(self.address, *load, seconds, self.routes)
        used = cpu(self.pid) - before
        expected = answers.requests if load[0] == "missing" else 0
        if answers.requests and answers.failed == expected:
            cost = Cost(used / answers.requests * 1e6, *answers[2:])
            self.costs.setdefault(load, []).append(cost)
            return
        assert self.name not in SOUND, f"{self.name}, {load}: {answers}"
        self.failed.add(load)


@contextlib.contextmanager
def set_up_contestants(
    folder: Path, database: str, names: Sequence[str] = tuple(TITLES)
) -> Iterator[list[Contestant]]:
    """Render and migrate the service; yield it and the others, none of which runs yet."""
    source = folder / "template"
    if not source.exists():
        copy_of_working_tree(source)
    rendered = render(source, folder / database / "orders", {"database": database})
    with set_up(rendered, database) as project, contextlib.ExitStack() as stack:
        python = project.folder / ".venv/bin/python"
        install = [uv_folder() / "uv", "pip", "install", "--quiet", "--python", python]
        run(*install, "orjson", "granian", "py-spy", cwd=folder)
        if database == "postgresql":
            url = stack.enter_context(listening(project, OTHER_CORE))
            with psycopg.connect(url) as connection:
                connection.execute(SEEDS[database])
        else:
            url = f"sqlite:///{project.folder}/orders.db"
            server_of(project).run_script(url, SEEDS[database])
        made = [contestant(name, project, url, folder) for name in names]
        yield [one for one in made if one]


def contestant(name: str, project: Project, url: str, folder: Path) -> Contestant | None:
    """Return one of TITLES, over the project's database at this address.

    None for the peer where no Python is installed that it runs on, and for the last release where no
    release differs from the working tree.
    """
    title, programs = TITLES[name], project.folder / ".venv/bin"
    own = clean_environment({"DATABASE_URL": url})
    if name == "service":
        return Contestant(name, title, [programs / "python", "-m", "app"], project.folder, own)
    if name == "released":
        release = render_release(folder / project.database, project.database)
        if release is None:
            return None
        return Contestant(name, title, [programs / "python", "-m", "app"], release, own)
    if name == "granian":
        log = folder / "granian.json"
        log.write_text(json.dumps(LOG), "utf-8")
        command = [programs / "granian", *GRANIAN, "--log-config", log, "--port", "{port}"]
        command += ["app.main:create_app"]
        return Contestant(name, title, command, project.folder, own)
    if name == "peer":
        other = peer.generate(folder, url, ROWS)
        if other is None:
            return None
        command = [other / ".venv/bin/python", "-m", "peer"]
        env = clean_environment(peer.environment(url))
        return Contestant(name, title, command, other, env, "dummy")
    env = clean_environment({"PYTHONPATH": str(HERE), "BENCHMARK_DATABASE_URL": url})
    command = [programs / "python", "-m", "uvicorn", f"contestants.{name}:app", "--port", "{port}"]
    command += ["--no-access-log", "--log-level", "warning"] if name in QUIET else []
    # Its log must not stand in the repository.
    return Contestant(name, title, command, folder, env)


def render_release(folder: Path, database: str) -> Path | None:
    """Return a service of the newest release whose template is not that of the working tree.

    It runs in the environment of the working tree's service, so that only its own code differs.
    """
    for version, commit in reversed(released().items()):
        if git("diff", "--name-only", commit, "--", "template", cwd=ROOT):
            source = folder / f"template-{version}"
            git("clone", "--quiet", "--no-checkout", ROOT, source, cwd=ROOT)
            git("checkout", "--quiet", commit, cwd=source)
            return render(source, folder / "released", {"database": database}, vcs_ref="HEAD")
    return None
