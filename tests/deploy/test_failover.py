"""A service with two servers in DATABASE_URL writes again after a failover, without a restart."""

from pathlib import Path

import httpx
import psycopg
import pytest

from harness.processes import lines_of, only, wait_for
from harness.project import Project
from harness.servers import RunningService
from harness.standby import Pair, pair

pytestmark = pytest.mark.parametrize("project", ["postgresql"], indirect=True)

NOWHERE = "FAILED: cannot connect to postgresql://postgres@/postgres?host="


def create_user(served: RunningService, name: str) -> int:
    body = {"email": f"{name}@example.com", "name": name}
    return httpx.post(f"{served.address}/users", json=body, timeout=30).status_code


def ready(served: RunningService) -> bool:
    return httpx.get(f"{served.address}/health/ready", timeout=30).status_code == 200


def set_read_only(url: str, value: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}".encode())
        connection.execute("SELECT pg_reload_conf()")


def test_service_follows_the_primary(project: Project, tmp_path: Path) -> None:
    with pair(project) as servers:
        url = servers.url("?target_session_attrs=read-write")
        project.alembic(url, "upgrade", "head")
        with project.serve("make", "run", url=url, log=tmp_path / "log") as served:
            assert create_user(served, "before") == 201
            servers.wait_for_standby()
            servers.stop_primary()
            assert create_user(served, "meanwhile") == 503
            assert not ready(served)
            line = only(lines_of(project.alembic(url, "current", code=None).stdout))
            assert line.startswith(NOWHERE)
            servers.promote_standby()
            wait_for(lambda: create_user(served, "after") == 201, "the service writes again")
            assert ready(served)
            demote_and_promote(served, servers)
            project.alembic(url, "downgrade", "base")
            project.alembic(url, "upgrade", "head")


def demote_and_promote(served: RunningService, servers: Pair) -> None:
    """A server may become read-only while its connections stay open."""
    set_read_only(servers.standby, "on")
    wait_for(lambda: create_user(served, "refused") == 503, "the server takes no writes")
    set_read_only(servers.standby, "off")
    wait_for(lambda: create_user(served, "again") == 201, "the service writes again")
