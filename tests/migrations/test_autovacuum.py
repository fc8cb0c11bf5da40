"""Migrations of tables that autovacuum is at work on."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from harness.databases import Server
from harness.patient_migrations import ADD_COLUMN, upgrade
from harness.processes import wait_for
from harness.project import Project
from harness.working_copy import Revise

pytestmark = [
    pytest.mark.parametrize("project", ["postgresql"], indirect=True),
    pytest.mark.seconds(20),
]

ADDED = "aaaaaaaaaaaa"
# Autovacuum that rests for 0.1 seconds after each page takes minutes; its name is like that of a
# bound parameter, or as in a format.
PREPARE = """
    CREATE TABLE "users:all %" (id bigint, name text) WITH (
        autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,
        autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0
    );
    INSERT INTO "users:all %" SELECT number, repeat('a', 400) FROM generate_series(1, 20000) number;
    DELETE FROM "users:all %" WHERE id % 3 = 0;
"""
WORKERS = "SELECT count(*) FROM pg_stat_progress_vacuum"


@pytest.fixture
def vacuumed(copy: Project, server: Server, migrated: str) -> Iterator[str]:
    """Yield the URL of a database while autovacuum is at work on a table of it."""
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum_naptime = 1")
        connection.execute("SELECT pg_reload_conf()")
        try:
            connection.execute(PREPARE)
            wait_for(lambda: is_vacuumed(server, migrated), "autovacuum has begun")
            yield migrated
        finally:
            connection.execute("ALTER SYSTEM RESET autovacuum_naptime")
            connection.execute("SELECT pg_reload_conf()")


def is_vacuumed(server: Server, url: str) -> bool:
    return server.query(url, WORKERS) != [(0,)]


def test_autovacuum_makes_way(
    copy: Project, vacuumed: str, server: Server, revise: Revise, tmp_path: Path
) -> None:
    """It would outlast all attempts: each waits for less than PostgreSQL does before it ends one."""
    revise(ADDED, ADD_COLUMN, table="users:all %", column="phone")
    done = upgrade(copy, vacuumed, migration_lock_timeout=0.5, migration_timeout=20)
    assert done.stderr.count("trying again") == 1, done.stderr
