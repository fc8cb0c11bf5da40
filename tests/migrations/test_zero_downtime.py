"""A column is replaced by another one, release by release, and no client notices."""

import contextlib
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from harness.databases import Server as DatabaseServer
from harness.processes import wait_for
from harness.project import FIRST, Project
from harness.rolling_load import Driver, loading
from harness.servers import RunningService, free_port, serving
from harness.template import ROOT
from harness.working_copy import write_revision
from tools.pages import blocks

pytestmark = pytest.mark.seconds(60)

ROWS = 250_000
REQUESTS = 4_000
WARM = 500
RATE = 100  # requests a second
SEEDED = "01890000-0000-7000-8000-{:012x}"
SEED = f"""
    INSERT INTO users (id, email, name)
    SELECT ('01890000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
        'seeded' || i || '@example.com', 'Seeded ' || i
    FROM generate_series(0, {ROWS - 1}) AS i
"""

MODEL = "app/models/user.py"
IMPORT = "from sqlalchemy import CheckConstraint, "
NAME = "    name: Mapped[str] = mapped_column(String(100))\n"


@dataclass
class Release:
    """What a release does to the database before it starts, and how it maps the columns."""

    title: str
    steps: list[str]
    columns: str
    methods: str = ""
    imports: str = IMPORT
    ending: str = ""


WRITES_BOTH = Release(
    "2: writes both, reads the old",
    ['op.add_column("users", sa.Column("full_name", sa.String(length=100), nullable=True))'],
    NAME + "    full_name: Mapped[str | None] = mapped_column(String(100))\n",
    """
    @validates("name")
    def write_both(self, _key: str, name: str) -> str:
        self.full_name = name
        return name
""",
)
READS_NEW = Release(
    "3: writes both, reads the new",
    [
        """op.execute(
        "ALTER TABLE users ADD CONSTRAINT ck_users_full_name_set"
        " CHECK (full_name IS NOT NULL) NOT VALID"
    )""",
        'op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_full_name_set")',
        """op.alter_column("users", "full_name", nullable=False)
    op.drop_constraint("ck_users_full_name_set", "users")""",
    ],
    """    name: Mapped[str] = mapped_column("full_name", String(100))
    old_name: Mapped[str] = mapped_column("name", String(100))
""",
    """
    @validates("name")
    def write_both(self, _key: str, name: str) -> str:
        self.old_name = name
        return name
""",
)
KNOWS_NEW = Release(
    "4: knows only the new",
    ['op.alter_column("users", "name", existing_type=sa.VARCHAR(length=100), nullable=True)'],
    '    name: Mapped[str] = mapped_column("full_name", String(100))\n',
    imports="from typing import cast\n\n" + IMPORT + "Column, Table, ",
    ending="""

# Neither read nor written any more; the next release drops it.
cast("Table", User.__table__).append_column(Column("name", String(100)))
""",
)
DROPS_OLD = Release("5: drops the old", ['op.drop_column("users", "name")'], KNOWS_NEW.columns)
RELEASES = [WRITES_BOTH, READS_NEW, KNOWS_NEW, DROPS_OLD]
GUIDE = ROOT / "docs/how-to/change-a-column-without-downtime.md"
BACKFILL = 'set="full_name = name" where="full_name IS DISTINCT FROM name"'


@dataclass
class Deployment:
    """Two replicas behind a balancer, and the releases that they are taken through."""

    project: Project
    url: str
    folder: Path
    ports: list[int] = field(default_factory=lambda: [free_port(), free_port()])
    replicas: dict[int, tuple[RunningService, contextlib.ExitStack]] = field(default_factory=dict)
    revision: str = FIRST
    number: int = 1

    def start(self, port: int) -> None:
        """Start a replica of the newest release, and wait until it is ready."""
        stack = contextlib.ExitStack()
        environment = {"PATH": self.project.path, "DATABASE_URL": self.url, "PORT": str(port)}
        log = self.folder / f"release-{self.number}-{port}.log"
        where = {"cwd": self.project.folder, "env": environment, "log_file": log, "port": port}
        server = stack.enter_context(serving("python", "-m", "app", **where))
        self.replicas[port] = server, stack
        wait_for(lambda: self.is_ready(port), f"a replica of release {self.number} is ready")

    def is_ready(self, port: int) -> bool:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=30).is_success

    def stop(self, port: int) -> None:
        """Stop a replica that gets no more requests."""
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

    def write(self, release: Release) -> None:
        """Write the next release into a folder of its own, as an image would be."""
        self.number += 1
        self.project = self.project.copy(self.folder / f"release-{self.number}", self.url)
        for step in release.steps:
            before, self.revision = self.revision, f"{int(self.revision, 16) + 1:012x}"
            body = f"def upgrade() -> None:\n    {step}\n\n\ndef downgrade() -> None:\n    pass\n"
            write_revision(self.project, self.revision, body, before)

    def roll_out(self, release: Release, original: str, driver: Driver) -> None:
        """Migrate, then replace one replica after the other."""
        self.write(release)
        model = original.replace(NAME, release.columns).replace(IMPORT, release.imports)
        model += release.methods + release.ending
        (self.project.folder / MODEL).write_text(model, "utf-8")
        driver.send(f"phase {release.title}: migrating")
        self.project.make("db-migrate")
        assert all(map(self.is_ready, self.ports)), "a newer revision takes the old release away"
        driver.send(f"phase {release.title}: rolling")
        for port in self.ports:
            driver.send(f"out {port}")
            self.stop(port)
            self.start(port)
            driver.send(f"in {port}")
        self.project.make("db-check")

    def backfill(self, driver: Driver) -> list[str]:
        """Fill the new column; return the lines of the log."""
        driver.send(f"phase backfill of {ROWS:,} rows")
        arguments = shlex.split(f"table=users {BACKFILL}")
        done = self.project.make("db-backfill", *arguments)
        return done.stdout.splitlines()


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.title[0])
def test_guide_has_the_same_code(release: Release) -> None:
    text = GUIDE.read_text("utf-8")
    shown = set()
    for block in blocks(text):
        shown.update(line.lstrip("+ ").rstrip() for line in block.text.splitlines())
    for code in (*release.steps, release.columns, release.methods, release.ending):
        for line in code.splitlines():
            assert line.strip() in shown
    assert f"table=users {BACKFILL}\n" in text


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_no_request_fails(
    project: Project, server: DatabaseServer, url: str, tmp_path: Path
) -> None:
    project.alembic(url, "upgrade", "head")
    server.query(url, SEED)
    seeded = [SEEDED.format(number) for number in range(0, ROWS, 997)]
    original = (project.folder / MODEL).read_text("utf-8")
    assert NAME in original
    assert IMPORT in original
    deployment = Deployment(project, url, tmp_path)
    with deployment.running(), loading(deployment.ports, RATE, seeded) as driver:
        driver.send("phase 1: as it was")
        wait_for(lambda: driver.send("count") > WARM, f"{WARM:,} requests have been made")
        deployment.roll_out(RELEASES[0], original, driver)
        log = deployment.backfill(driver)
        for release in RELEASES[1:]:
            deployment.roll_out(release, original, driver)
        driver.send("phase 5: as it stays")
        wait_for(lambda: driver.send("count") > REQUESTS, f"{REQUESTS:,} requests", 300)
        number, lines, failures = driver.report()
    print("", *log, *lines, f"{len(failures)} requests failed", sep="\n")
    assert number >= REQUESTS
    assert not failures, "\n".join(failures[:20])
    assert log[-1].endswith(" rows changed")
    assert "full_name" in str(server.schema(url))
    counts = f"SELECT count(*) >= {ROWS}, bool_and(full_name IS NOT NULL) FROM users"
    assert server.query(url, counts) == [(True, True)]
