"""Migrations beside a running service on PostgreSQL: locks, time limits, poolers, index builds."""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from harness.databases import Server
from harness.migrators import environment
from harness.pgbouncer import pooled
from harness.processes import Completed, only, wait_for
from harness.project import FIRST, Project
from harness.working_copy import CONCURRENT_INDEX, Revise

pytestmark = [
    pytest.mark.parametrize("project", ["postgresql"], indirect=True),
    pytest.mark.seconds(40),
]

COLUMN = """
def upgrade() -> None:
    op.add_column("{table}", sa.Column("{column}", sa.String(20)))


def downgrade() -> None:
    op.drop_column("{table}", "{column}")
"""
CREATE = """
def upgrade() -> None:
    op.create_table("orders", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("orders")
"""
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
    op.execute("SELECT pg_sleep(1)")


def downgrade() -> None:
    pass
"""
ADDED, NEXT = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
LOCKED = (
    "rolled back: ALTER TABLE users ADD COLUMN phone VARCHAR(20):"
    " canceling statement due to lock timeout (SQLSTATE 55P03)"
)


@pytest.fixture
def migrated(copy: Project, url: str) -> str:
    copy.alembic(url, "upgrade", "head")
    return url


@contextlib.contextmanager
def transaction(url: str, statement: str) -> Iterator[None]:
    """Keep what a statement uses in use, as a report or a forgotten session would."""
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())
        yield


def upgrade(
    project: Project, url: str, revision: str = "head", code: int = 0, **settings: object
) -> Completed:
    return project.run(
        *("alembic", "upgrade", revision),
        env={"DATABASE_URL": url, **environment(settings)},
        code=code,
    )


@contextlib.contextmanager
def load(project: Project, url: str, log: Path) -> Iterator[list[float]]:
    """Yield the durations of the requests that two readers and two writers send to the service."""
    durations: list[float] = []
    stop = threading.Event()
    with (
        project.serve("python", "-m", "app", url=url, log=log) as server,
        httpx.Client(base_url=server.address, timeout=60) as client,
    ):
        threads = [
            threading.Thread(target=send, args=(client, method, number, stop, durations))
            for number, method in enumerate(["GET", "GET", "POST", "POST"])
        ]
        for thread in threads:
            thread.start()
        try:
            yield durations
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def send(
    client: httpx.Client, method: str, number: int, stop: threading.Event, durations: list[float]
) -> None:
    """Send requests until told to stop; note how long each took, and nothing for a failed one."""
    turn = 0
    while not stop.is_set():
        turn += 1
        body = {"email": f"{number}-{turn}@example.com", "name": "Ada"}
        begin = time.monotonic()
        answer = client.request(method, "/users", json=body if method == "POST" else None)
        durations.append(time.monotonic() - begin if answer.is_success else float("inf"))


def migrate_beside_a_blocker(
    project: Project, url: str, log: Path, **settings: object
) -> tuple[Completed, float]:
    """Migrate under load while a transaction reads for 6 seconds; return the longest request."""
    done: list[Completed] = []
    migration = threading.Thread(target=lambda: done.append(upgrade(project, url, **settings)))
    with load(project, url, log) as durations:
        wait_for(lambda: len(durations) > 20, "the service answers")
        with transaction(url, "SELECT count(*) FROM users"):
            durations.clear()
            migration.start()
            time.sleep(6)
        migration.join()
        completed = only(done)
        return completed, max(durations)


def test_nobody_queues_behind_a_migration(
    copy: Project, migrated: str, revise: Revise, tmp_path: Path
) -> None:
    """Readers and writers wait for a moment, although a table that they need is to be altered."""
    revise(ADDED, COLUMN, table="users", column="phone")
    done, longest = migrate_beside_a_blocker(
        copy, migrated, tmp_path / "log", migration_lock_timeout=0.5
    )
    assert re.search(r"trying again in 0\.5 seconds: rolled back: ALTER TABLE users", done.stderr)
    assert longest < 3
    copy.alembic(migrated, "check", code=None)
    # Without the limit they would wait for as long as the transaction lasts.
    revise(NEXT, COLUMN, before=ADDED, table="users", column="fax")
    done, longest = migrate_beside_a_blocker(
        copy, migrated, tmp_path / "log", migration_lock_timeout=60
    )
    assert "trying again" not in done.stderr
    assert longest > 3


def test_retries_come_to_an_end(copy: Project, migrated: str, revise: Revise) -> None:
    revise(ADDED, COLUMN, table="users", column="phone")
    settings = {"migration_lock_timeout": 0.2, "migration_timeout": 2}
    with transaction(migrated, "SELECT count(*) FROM users"):
        done = upgrade(copy, migrated, code=255, **settings)
    pauses = re.findall(rf"trying again in (\S+) seconds: {re.escape(LOCKED)}", done.stderr)
    assert pauses == ["0.5", "1"]
    assert done.stdout.strip() == f"FAILED: pg_stat_activity shows who is in the way: {LOCKED}"
    assert "Traceback" not in done.stderr
    upgrade(copy, migrated, **settings)


def test_retry_goes_no_further_than_asked(
    copy: Project, migrated: str, revise: Revise, server: Server
) -> None:
    """When the first of two steps is done, `+2` would now mean a third one."""
    revise(ADDED, CREATE)
    revise(NEXT, COLUMN, before=ADDED, table="users", column="phone")
    revise("cccccccccccc", COLUMN, before=NEXT, table="orders", column="note")
    settings = {"migration_lock_timeout": 0.2}
    with transaction(migrated, "SELECT count(*) FROM users"):
        done = upgrade(copy, migrated, "+2", code=255, **settings)
        assert done.stdout.strip() == f"FAILED: {LOCKED}"
        assert server.query(migrated, "SELECT * FROM alembic_version") == [(ADDED,)]
        # A single step has not been done yet when it fails.
        done = upgrade(copy, migrated, "+1", code=255, migration_timeout=1, **settings)
        assert f"trying again in 0.5 seconds: {LOCKED}" in done.stderr
    upgrade(copy, migrated, "+1", **settings)
    assert server.query(migrated, "SELECT * FROM alembic_version") == [(NEXT,)]


def test_statement_has_a_limit(
    copy: Project, migrated: str, revise: Revise, server: Server
) -> None:
    revise(ADDED, SLEEP)
    before = server.schema(migrated)
    done = upgrade(copy, migrated, code=255, migration_statement_timeout=0.5)
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
    done = upgrade(copy, migrated, code=255, migration_statement_timeout=0.5)
    assert "SELECT pg_sleep(30): canceling statement due to statement timeout" in done.stdout


@pytest.mark.parametrize("first", [OWN, CONCURRENT_INDEX], ids=["own limit", "patient"])
def test_limit_is_that_of_a_revision(
    copy: Project, migrated: str, revise: Revise, server: Server, first: str
) -> None:
    """What a revision sets holds until it ends; for the next one the usual limits are back."""
    revise(ADDED, first)
    revise(NEXT, SLEEP, before=ADDED)
    done = upgrade(copy, migrated, code=255, migration_statement_timeout=0.5)
    assert "SELECT pg_sleep(30): canceling statement due to statement timeout" in done.stdout
    assert server.query(migrated, "SELECT * FROM alembic_version") == [(ADDED,)]


def building(server: Server, url: str) -> Callable[[], list[tuple[object, ...]]]:
    query = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    return lambda: server.query(url, query)


def test_index_build_may_wait(copy: Project, migrated: str, revise: Revise, server: Server) -> None:
    """It waits for every older transaction, for longer than any limit, and blocks nobody."""
    revise(ADDED, CONCURRENT_INDEX)
    settings = {"migration_lock_timeout": 0.2, "migration_statement_timeout": 0.5}
    done: list[Completed] = []
    migration = threading.Thread(target=lambda: done.append(upgrade(copy, migrated, **settings)))
    with transaction(migrated, "UPDATE users SET name = name"):
        migration.start()
        wait_for(building(server, migrated), "the index is being built")
        time.sleep(1)
        assert building(server, migrated)()
    migration.join()
    assert done
    assert not building(server, migrated)()
    assert "trying again" not in done[0].stderr


@pytest.fixture
def interrupted(copy: Project, migrated: str, revise: Revise, server: Server) -> str:
    """Return the address of a database with an index whose build was killed."""
    revise(ADDED, CONCURRENT_INDEX)
    with transaction(migrated, "UPDATE users SET name = name"):
        failed: list[Completed] = []
        migration = threading.Thread(
            target=lambda: failed.append(copy.alembic(migrated, "upgrade", "head", code=None))
        )
        migration.start()
        wait_for(building(server, migrated), "the index is being built")
        end = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index"
            " WHERE datname = current_database()"
        )
        assert server.query(migrated, end) == [(True,)]
        migration.join()
    assert failed
    return migrated


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_half_built_index_is_reported(copy: Project, interrupted: str, server: Server) -> None:
    """The build would not begin again: an index of that name exists."""
    done = copy.alembic(interrupted, "upgrade", "head", code=255)
    assert done.stdout.strip() == (
        "FAILED: half built: ix_users_name. Repair it by DROP INDEX CONCURRENTLY or, where its"
        " revision has been applied, by REINDEX INDEX CONCURRENTLY"
    )
    execute(interrupted, "DROP INDEX CONCURRENTLY ix_users_name")
    copy.alembic(interrupted, "upgrade", "head")
    assert not building(server, interrupted)()
    assert server.query(interrupted, "SELECT * FROM alembic_version") == [(ADDED,)]


def test_applied_index_is_rebuilt(copy: Project, interrupted: str, server: Server) -> None:
    """With nothing to migrate it is a warning: a deployment need not stop for it."""
    copy.alembic(interrupted, "stamp", "head", code=255)
    execute(interrupted, f"UPDATE alembic_version SET version_num = '{ADDED}'")
    done = copy.alembic(interrupted, "upgrade", "head")
    warning = (
        "half built: ix_users_name. Repair it by DROP INDEX CONCURRENTLY or, where its revision has"
        " been applied, by REINDEX INDEX CONCURRENTLY"
    )
    assert warning in done.stderr
    execute(interrupted, "REINDEX INDEX CONCURRENTLY ix_users_name")
    assert warning not in copy.alembic(interrupted, "upgrade", "head").stderr
    assert not building(server, interrupted)()


def test_pooler_in_transaction_mode_is_refused(
    copy: Project, url: str, server: Server, tmp_path: Path
) -> None:
    with pooled(url, tmp_path) as pooler:
        done = copy.alembic(pooler, "upgrade", "head", code=255)
        assert done.stdout.strip() == (
            "FAILED: a pooler in transaction mode keeps no lock:"
            " let MIGRATION_DATABASE_URL lead past it"
        )
        given = {"DATABASE_URL": pooler, "MIGRATION_DATABASE_URL": pooler}
        done = copy.run("alembic", "upgrade", "head", env=given, code=255)
        assert done.stdout.startswith("FAILED: a pooler in transaction mode")
        assert not server.tables(url)
        given["MIGRATION_DATABASE_URL"] = url
        copy.make("db-migrate", env=given)
        assert "users" in server.tables(url)
        # Whoever only looks needs no lock.
        assert FIRST in copy.alembic(pooler, "current").stdout


def test_pooler_in_session_mode_will_do(copy: Project, url: str, tmp_path: Path) -> None:
    with pooled(url, tmp_path, mode="session") as pooler:
        copy.alembic(pooler, "upgrade", "head")
        copy.alembic(pooler, "check")


def test_sql_with_an_index_runs_in_psql(
    copy: Project, url: str, revise: Revise, server: Server, tmp_path: Path
) -> None:
    """What cannot be in a transaction is outside of one in the script, too."""
    revise(ADDED, CONCURRENT_INDEX)
    revise(NEXT, COLUMN, before=ADDED, table="users", column="phone")
    server.run_script(url, copy.alembic(url, "upgrade", "head", "--sql").stdout)
    with server.empty_database(tmp_path) as other:
        copy.alembic(other, "upgrade", "head")
        assert server.schema(url) == server.schema(other)
    assert not building(server, url)()
    copy.make("db-status", env={"DATABASE_URL": url})
