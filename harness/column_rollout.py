"""A column is renamed on PostgreSQL, on two replicas under constant load."""

import contextlib
import re
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from harness.column_releases import BACKFILL, MODEL, RENAME, renamed
from harness.databases import server_of
from harness.load_phases import Phase
from harness.processes import wait_for
from harness.project import Project
from harness.rolling_load import Driver, loading
from harness.servers import RunningService, free_port, serving

SEEDED = "01890000-0000-7000-8000-{:012x}"
SEED = """
    INSERT INTO users (id, email, name)
    SELECT ('01890000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
        'seeded' || i || '@example.com', 'Seeded ' || i
    FROM generate_series(0, {last}) AS i
"""
APPLIED = re.compile(r"Running upgrade \w* -> \w+")
CHANGED = re.compile(r"([\d,]+) rows changed")


@dataclass(frozen=True)
class Sizes:
    """The rows of the table, and the load on it."""

    rows: int
    # Requests before the first rollout, and in total at least.
    warm: int
    requests: int
    # Requests a second.
    rate: int


@dataclass(frozen=True)
class Rollout:
    """What happened while the release was rolled out."""

    phases: list[Phase]
    # The revisions that were applied, and the replicas that were replaced.
    revisions: int
    replaced: int
    # What `make db-backfill` printed.
    backfill: list[str]

    @property
    def backfilled(self) -> int:
        """The number of rows that the backfill has changed."""
        match = CHANGED.fullmatch(self.backfill[-1])
        assert match, self.backfill
        return int(match[1].replace(",", ""))


@dataclass
class Deployment:
    """Two replicas behind a balancer, and the release that replaces the first one."""

    project: Project
    url: str
    folder: Path
    ports: list[int] = field(default_factory=lambda: [free_port(), free_port()])
    replicas: dict[int, tuple[RunningService, contextlib.ExitStack]] = field(default_factory=dict)
    # The current release; what has been applied and replaced so far.
    number: int = 1
    applied: int = 0
    replaced: int = 0

    def start(self, port: int) -> None:
        """Start a replica of the newest release, and wait until it is ready."""
        stack = contextlib.ExitStack()
        environment = {"PATH": self.project.path, "DATABASE_URL": self.url, "PORT": str(port)}
        log = self.folder / f"release-{self.number}-{port}.log"
        options = {"cwd": self.project.folder, "env": environment, "log_file": log, "port": port}
        server = stack.enter_context(serving("python", "-m", "app", **options))
        self.replicas[port] = server, stack
        wait_for(lambda: self.is_ready(port), f"a replica of release {self.number} is ready")

    def is_ready(self, port: int) -> bool:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=30).is_success

    def stop(self, port: int) -> None:
        """Stop a replica that gets no requests any longer."""
        server, stack = self.replicas.pop(port)
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0, server.log
        stack.close()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        try:
            for port in self.ports:
                self.start(port)
            yield
        finally:
            for _, stack in self.replicas.values():
                stack.close()

    def write(self) -> None:
        """Write the next release into a folder of its own, as an image would be."""
        self.number += 1
        self.project = self.project.copy(self.folder / f"release-{self.number}", self.url)
        model = self.project.folder / MODEL
        model.write_text(renamed(model.read_text("utf-8")), "utf-8")
        self.project.make("db-revision", "m=rename name", RENAME)

    def migrate(self, *arguments: str) -> None:
        """Migrate, and check that the replicas stay ready."""
        migration = self.project.alembic(self.url, *arguments, "upgrade", "head")
        # A revision that gives up for a lock is tried again.
        self.applied += len(set(APPLIED.findall(migration.stdout + migration.stderr)))
        assert all(map(self.is_ready, self.ports)), "a newer revision stops the running release"

    def roll_out(self, driver: Driver) -> None:
        """Replace one replica after the other."""
        driver.send(f"phase {self.number}: replace replicas")
        for port in self.ports:
            driver.send(f"out {port}")
            self.stop(port)
            self.start(port)
            driver.send(f"in {port}")
            self.replaced += 1

    def backfill(self, driver: Driver) -> list[str]:
        """Fill the new column; return the lines of the log."""
        driver.send(f"phase {self.number}: backfill")
        arguments = shlex.split(f"table=users {BACKFILL}")
        # Not limited to a minute, as other targets are.
        done = self.project.make("db-backfill", *arguments, timeout=600)
        return done.stdout.splitlines()


def rename_column(project: Project, url: str, folder: Path, sizes: Sizes) -> Rollout:
    """Rename the column in an empty database, and return what the clients noticed of it."""
    project.alembic(url, "upgrade", "head")
    server_of(project).query(url, SEED.format(last=sizes.rows - 1))
    seeded = list(map(SEEDED.format, range(0, sizes.rows, 997)))
    deployment = Deployment(project, url, folder)
    with (
        deployment.running(),
        loading(deployment.ports, sizes.rate, seeded, "1: before") as driver,
    ):
        wait_for(lambda: driver.send("count") > sizes.warm, f"{sizes.warm:,} requests were made")
        deployment.write()
        driver.send("phase 2: migrate")
        deployment.migrate("-x", "until=rollout")
        log = deployment.backfill(driver)
        deployment.roll_out(driver)
        driver.send("phase 2: migrate again")
        deployment.migrate()
        deployment.project.make("db-check")
        driver.send("phase 2: afterwards")
        total = f"{sizes.requests:,} requests were made"
        wait_for(lambda: driver.send("count") > sizes.requests, total, 300)
        phases = driver.report()
    return Rollout(phases, deployment.applied, deployment.replaced, log)
