"""Migrations through a pooler of connections in front of PostgreSQL."""

from pathlib import Path

import pytest

from harness.databases import Server
from harness.pgbouncer import pooled
from harness.project import FIRST, Project

pytestmark = pytest.mark.parametrize("project", ["postgresql"], indirect=True)


def test_pooler_in_transaction_mode_is_refused(
    copy: Project, url: str, server: Server, tmp_path: Path
) -> None:
    with pooled(url, tmp_path) as pooler:
        done = copy.alembic(pooler, "upgrade", "head", code=255)
        assert done.stdout.strip() == (
            "FAILED: a pooler in transaction mode keeps no lock:"
            " point MIGRATION_DATABASE_URL at the server"
        )
        settings = {"DATABASE_URL": pooler, "MIGRATION_DATABASE_URL": pooler}
        done = copy.run("alembic", "upgrade", "head", env=settings, code=255)
        assert done.stdout.startswith("FAILED: a pooler in transaction mode")
        assert not server.tables(url)
        settings["MIGRATION_DATABASE_URL"] = url
        copy.make("db-migrate", env=settings)
        assert "users" in server.tables(url)
        # A command that changes nothing needs no lock.
        assert FIRST in copy.alembic(pooler, "current").stdout


def test_pooler_in_session_mode_will_do(copy: Project, url: str, tmp_path: Path) -> None:
    with pooled(url, tmp_path, mode="session") as pooler:
        copy.alembic(pooler, "upgrade", "head")
        copy.alembic(pooler, "check")
