"""Indexes that PostgreSQL builds concurrently, in a revision: they take long, and may be killed."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from harness.databases import Server
from harness.patient_migrations import ADD_COLUMN, transaction, upgrade
from harness.processes import wait_for
from harness.project import Project
from harness.working_copy import CONCURRENT_INDEX, Revise

pytestmark = [
    pytest.mark.parametrize("project", ["postgresql"], indirect=True),
    pytest.mark.seconds(15),
]

ADDED, NEXT = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


def half_built(server: Server, url: str) -> list[tuple[object, ...]]:
    """Return the indexes that are being built, or whose build has failed."""
    query = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    return server.query(url, query)


def test_index_build_may_wait(copy: Project, migrated: str, revise: Revise, server: Server) -> None:
    """It waits for every older transaction, longer than any limit, and blocks none."""
    revise(ADDED, CONCURRENT_INDEX)
    settings = {"migration_lock_timeout": 0.2, "migration_statement_timeout": 3}
    with ThreadPoolExecutor() as pool:
        with transaction(migrated, "UPDATE users SET name = name"):
            migration = pool.submit(upgrade, copy, migrated, **settings)
            wait_for(lambda: half_built(server, migrated), "the index is being built")
            time.sleep(3.5)
            assert half_built(server, migrated)
        assert "trying again" not in migration.result().stderr
    assert not half_built(server, migrated)


@pytest.fixture
def interrupted(copy: Project, migrated: str, revise: Revise, server: Server) -> str:
    """Return the URL of a database with an index whose build was killed."""
    revise(ADDED, CONCURRENT_INDEX)
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index"
        " WHERE datname = current_database()"
    )
    with (
        transaction(migrated, "UPDATE users SET name = name"),
        ThreadPoolExecutor() as pool,
    ):
        migration = pool.submit(copy.alembic, migrated, "upgrade", "head", code=None)
        wait_for(lambda: half_built(server, migrated), "the index is being built")
        assert server.query(migrated, kill) == [(True,)]
        migration.result()
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
    assert not half_built(server, interrupted)
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
    assert not half_built(server, interrupted)


def test_sql_with_an_index_runs_in_psql(
    copy: Project, url: str, revise: Revise, server: Server, tmp_path: Path
) -> None:
    """What cannot be in a transaction is outside of one in the script, too."""
    revise(ADDED, CONCURRENT_INDEX)
    revise(NEXT, ADD_COLUMN, before=ADDED, table="users", column="phone")
    server.run_script(url, copy.alembic(url, "upgrade", "head", "--sql").stdout)
    with server.empty_database(tmp_path) as other:
        copy.alembic(other, "upgrade", "head")
        assert server.schema(url) == server.schema(other)
    assert not half_built(server, url)
    copy.script("status", env={"DATABASE_URL": url})
