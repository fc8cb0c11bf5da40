"""Migrations beside a running service on PostgreSQL: how long they wait for locks, and run."""

import contextlib
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from harness.databases import Server
from harness.patient_migrations import ADD_COLUMN, transaction, upgrade
from harness.processes import Completed, wait_for
from harness.project import Project
from harness.working_copy import CONCURRENT_INDEX, CREATE_TABLE, Revise

pytestmark = [
    pytest.mark.parametrize("project", ["postgresql"], indirect=True),
    pytest.mark.seconds(35),
]

SLEEP = """
def upgrade() -> None:
    op.add_column("users", sa.Column("slow", sa.String(20)))
    op.execute("SELECT pg_sleep(30)")


def downgrade() -> None:
    op.drop_column("users", "slow")
"""
# What ends the limits of a session, or changes them, before the next statement.
ROLLED_BACK = """
    step = op.get_bind().begin_nested()
    op.execute("SELECT 1")
    step.rollback()
"""
PATIENT = """
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_users_name ON users (name)")
        op.execute("DROP INDEX CONCURRENTLY ix_users_name")
"""
CAUGHT = """
    step = op.get_bind().begin_nested()
    try:
        op.execute("ALTER TABLE users VALIDATE CONSTRAINT nowhere")
    except sa.exc.DBAPIError:
        step.rollback()
"""
# What waits for longer than the limit, having set one of its own.
OWN = """
def upgrade() -> None:
    op.execute("SET statement_timeout = '20s'")
    op.execute("SELECT pg_sleep(4)")


def downgrade() -> None:
    pass
"""
ADDED, NEXT = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
# Seconds, of a statement: on a busy machine each of the others takes less.
LIMIT = 3
LOCKED = (
    "rolled back: ALTER TABLE users ADD COLUMN phone VARCHAR(20):"
    " canceling statement due to lock timeout (SQLSTATE 55P03)"
)


@dataclass
class Requests:
    """Requests that clients send one after the other, and the statuses of their answers."""

    client: httpx.Client
    statuses: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        while not self.stop.is_set():
            self.send("GET")

    def write(self) -> None:
        while not self.stop.is_set():
            email = f"{uuid4().hex}@example.com"
            self.send("POST", json={"email": email, "name": "Ada"})

    def send(self, method: str, **options: Any) -> None:
        self.statuses.append(self.client.request(method, "/users", **options).status_code)

    def wait_for_more(self, number: int) -> None:
        """Wait until clients have got so many further answers."""
        enough = len(self.statuses) + number
        wait_for(lambda: len(self.statuses) >= enough, "the service answers")


CLIENTS = (Requests.read, Requests.read, Requests.write, Requests.write)


@contextlib.contextmanager
def load(project: Project, url: str, log: Path) -> Iterator[Requests]:
    """Have two readers and two writers send requests to the service."""
    with (
        project.serve("python", "-m", "app", url=url, log=log) as server,
        httpx.Client(base_url=server.address, timeout=60) as client,
        ThreadPoolExecutor() as pool,
    ):
        requests = Requests(client)
        clients = []
        for work in CLIENTS:
            clients.append(pool.submit(work, requests))
        try:
            yield requests
        finally:
            requests.stop.set()
    for done in clients:
        done.result()


def waiting(server: Server, url: str) -> int:
    """Return how many sessions wait for locks."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return int(server.query(url, query)[0][0])


@contextlib.contextmanager
def migrating_beside_a_blocker(
    project: Project, server: Server, url: str, log: Path, **settings: object
) -> Iterator[tuple[Requests, Future[Completed]]]:
    """Migrate under load, and block the migration during the block, which begins when it waits."""
    with load(project, url, log) as requests, ThreadPoolExecutor() as pool:
        requests.wait_for_more(20)
        with transaction(url, "SELECT count(*) FROM users"):
            migration = pool.submit(upgrade, project, url, **settings)
            wait_for(lambda: waiting(server, url), "the migration waits for a lock")
            yield requests, migration
        migration.result()


def test_requests_do_not_queue_behind_a_migration(
    copy: Project, server: Server, migrated: str, revise: Revise, tmp_path: Path
) -> None:
    """Readers and writers wait for a moment, although a migration waits to alter a table that they need."""
    revise(ADDED, ADD_COLUMN, table="users", column="phone")
    log = tmp_path / "log"
    with migrating_beside_a_blocker(copy, server, migrated, log, migration_lock_timeout=0.5) as (
        requests,
        migration,
    ):
        # More than those that have begun before the migration.
        requests.wait_for_more(10 * len(CLIENTS))
        assert not migration.done()
    retry = r"trying again in 0\.5 seconds: rolled back: ALTER TABLE users"
    assert re.search(retry, migration.result().stderr)
    assert {*requests.statuses} == {200, 201}
    copy.alembic(migrated, "check", code=None)


def test_requests_queue_behind_a_migration_without_a_limit(
    copy: Project, server: Server, migrated: str, revise: Revise, tmp_path: Path
) -> None:
    """For as long as the transaction lasts: this is what the limit is for."""
    revise(ADDED, ADD_COLUMN, table="users", column="phone")
    with migrating_beside_a_blocker(
        copy, server, migrated, tmp_path / "log", migration_lock_timeout=60
    ) as (_, migration):
        everybody = 1 + len(CLIENTS)
        wait_for(lambda: waiting(server, migrated) == everybody, "all clients wait, too")
    assert "trying again" not in migration.result().stderr


def test_retries_come_to_an_end(copy: Project, migrated: str, revise: Revise) -> None:
    revise(ADDED, ADD_COLUMN, table="users", column="phone")
    settings = {"migration_lock_timeout": 0.2, "migration_timeout": 7}
    with transaction(migrated, "SELECT count(*) FROM users"):
        done = upgrade(copy, migrated, code=255, **settings)
    pauses = re.findall(rf"trying again in (\S+) seconds: {re.escape(LOCKED)}", done.stderr)
    # Fewer on a busy machine, where attempts take longer; without load there are three.
    assert len(pauses) > 1
    assert pauses == ["0.5", "1", "2", "4"][: len(pauses)]
    assert done.stdout.strip() == f"FAILED: pg_stat_activity shows what blocks it: {LOCKED}"
    assert "Traceback" not in done.stderr
    upgrade(copy, migrated, **settings)


def test_retry_goes_no_further_than_asked(
    copy: Project, migrated: str, revise: Revise, server: Server
) -> None:
    """When the first of two steps is done, `+2` would now mean a third one."""
    revise(ADDED, CREATE_TABLE, table="orders")
    revise(NEXT, ADD_COLUMN, before=ADDED, table="users", column="phone")
    revise("cccccccccccc", ADD_COLUMN, before=NEXT, table="orders", column="note")
    settings = {"migration_lock_timeout": 0.2}
    with transaction(migrated, "SELECT count(*) FROM users"):
        done = upgrade(copy, migrated, "+2", code=255, **settings)
        assert done.stdout.strip() == f"FAILED: {LOCKED}"
        assert server.query(migrated, "SELECT * FROM alembic_version") == [(ADDED,)]
        # A single step has not been done yet when it fails.
        done = upgrade(copy, migrated, "+1", code=255, migration_timeout=6, **settings)
        assert f"trying again in 0.5 seconds: {LOCKED}" in done.stderr
    upgrade(copy, migrated, "+1", **settings)
    assert server.query(migrated, "SELECT * FROM alembic_version") == [(NEXT,)]


def test_statement_has_a_limit(
    copy: Project, migrated: str, revise: Revise, server: Server
) -> None:
    revise(ADDED, SLEEP)
    before = server.schema(migrated)
    done = upgrade(copy, migrated, code=255, migration_statement_timeout=LIMIT)
    assert done.stdout.strip() == (
        "FAILED: rolled back: SELECT pg_sleep(30): canceling statement due to statement timeout"
        " (SQLSTATE 57014)"
    )
    assert "Traceback" not in done.stderr
    assert server.schema(migrated) == before


@pytest.mark.parametrize(
    "before", [ROLLED_BACK, PATIENT, CAUGHT], ids=["rolled back", "patient", "caught"]
)
def test_limit_returns(copy: Project, migrated: str, revise: Revise, before: str) -> None:
    revise(ADDED, SLEEP.replace("\n    op.add_column", f"{before}    op.add_column"))
    done = upgrade(copy, migrated, code=255, migration_statement_timeout=LIMIT)
    assert "SELECT pg_sleep(30): canceling statement due to statement timeout" in done.stdout


@pytest.mark.parametrize("first", [OWN, CONCURRENT_INDEX], ids=["own limit", "patient"])
def test_limit_is_that_of_a_revision(
    copy: Project, migrated: str, revise: Revise, server: Server, first: str
) -> None:
    """What a revision sets holds until it ends; for the next one the usual limits are back."""
    revise(ADDED, first)
    revise(NEXT, SLEEP, before=ADDED)
    done = upgrade(copy, migrated, code=255, migration_statement_timeout=LIMIT)
    assert "SELECT pg_sleep(30): canceling statement due to statement timeout" in done.stdout
    assert server.query(migrated, "SELECT * FROM alembic_version") == [(ADDED,)]
