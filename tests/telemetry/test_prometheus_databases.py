"""The metrics of databases: connection pools under contention, and revisions."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from harness.databases import Server
from harness.measured_service import measured
from harness.processes import wait_for
from harness.project import FIRST, Project
from harness.prometheus import samples, scrape, serving_metrics
from harness.releases import edit

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

DATABASE = '{database="database"}'
WAITS = f"database_pool_waits_total{DATABASE}"
WAIT_SECONDS = f"database_pool_wait_seconds_total{DATABASE}"
TIMEOUTS = f"database_pool_timeouts_total{DATABASE}"
USED = 'database_pool_connections{database="database",state="used"}'
IDLE = 'database_pool_connections{database="database",state="idle"}'
MAX = f"database_pool_max_connections{DATABASE}"
UP = f"database_up{DATABASE}"
AT_HEAD = f"database_at_head{DATABASE}"


def revisions(applied: str, expected: str = FIRST) -> str:
    labels = f'applied="{applied}",database="database",expected="{expected}"'
    return f"database_revision_info{{{labels}}}"


def set_interval(project: Project, seconds: float) -> None:
    """Set how often a copy of a project queries its databases."""
    module = project.folder / "kit/_internal/telemetry/prometheus/database_metrics.py"
    edit(module, "INTERVAL = 15", f"INTERVAL = {seconds}")


def test_waits_and_timeouts_of_the_pool(light_project: Project, tmp_path: Path) -> None:
    """A connection is held until another request has waited for 5 seconds, and a third one waits."""
    project = measured(light_project, tmp_path)
    set_interval(project, 600)
    limits = {"ORDERS_POOL_SIZE": "1", "ORDERS_POOL_OVERFLOW": "0"}
    held = project.folder / "held"
    held.touch()
    with (
        serving_metrics(project, tmp_path, **limits, ORDERS_CONNECTION_TIMEOUT="5") as (
            server,
            port,
        ),
        ThreadPoolExecutor() as threads,
    ):
        wait_for(lambda: samples(port).get(UP) == 1, "the first query has ended")
        wait_for(lambda: samples(port)[USED] == 0, "the connection is free")
        before = samples(port)
        holder = threads.submit(httpx.get, f"{server.address}/reports/held/connection", timeout=60)
        wait_for(lambda: samples(port)[USED] == 1, "the connection is in use")
        refused = httpx.get(f"{server.address}/reports/0/connection", timeout=60)
        waiter = threads.submit(httpx.get, f"{server.address}/reports/0/connection", timeout=60)
        wait_for(lambda: samples(port)[WAITS] - before[WAITS] == 2, "another request waits")
        held.unlink()
        assert holder.result().is_success
        assert waiter.result().is_success
        after = samples(port)
    assert (before[MAX], before[USED], before[IDLE]) == (1, 0, 1)
    assert refused.status_code == 503
    assert after[WAITS] - before[WAITS] == 2
    assert after[TIMEOUTS] - before[TIMEOUTS] == 1
    assert after[WAIT_SECONDS] - before[WAIT_SECONDS] > 5


RECREATED = """
import asyncio
from app.db import database
from app.settings import Settings

async def main():
    opened = database.open(Settings())
    opened.read_engine.pool.counts.waits += 1
    await opened.close()
    await opened.rows(__import__("sqlalchemy").text("SELECT 1"))
    pool = opened.read_engine.pool
    print(pool.counts.waits, pool.max_connections, pool.checkedin())
    await opened.close()

asyncio.run(main())
"""


def test_counts_do_not_decrease_when_the_pool_is_replaced(project: Project) -> None:
    done = project.run("python", "-c", RECREATED)
    assert done.stdout.split() == ["1", "20", "1"]


@pytest.mark.parametrize("change", ["own pool", "in memory"])
def test_service_with_another_pool_has_no_metrics_of_it(
    light_project: Project, tmp_path: Path, change: str
) -> None:
    project = measured(light_project, tmp_path)
    settings = {}
    if change == "own pool":
        source = project.folder / "app/db.py"
        edit(source, "database = Source()", "database = Source(poolclass=NullPool)")
        edit(source, "from fastapi", "from sqlalchemy import NullPool\nfrom fastapi")
    else:
        settings["DATABASE_URL"] = "sqlite://"
    with serving_metrics(project, tmp_path, **settings) as (_, port):
        wait_for(lambda: samples(port).get(UP) == 1, "the first query has ended")
        assert "database_pool_connections{" not in scrape(port)


def test_database_that_is_behind_and_then_migrated(copy: Project, url: str, tmp_path: Path) -> None:
    set_interval(copy, 0.1)
    with serving_metrics(copy, tmp_path) as (_, port):
        wait_for(lambda: AT_HEAD in samples(port), "the first query has ended")
        behind = samples(port)
        copy.alembic(url, "upgrade", "head")
        wait_for(lambda: samples(port)[AT_HEAD] == 1, "the revision is noticed")
        migrated = samples(port)
    assert (behind[UP], behind[AT_HEAD], behind[revisions("none")]) == (1, 0, 1)
    assert migrated[revisions(FIRST)] == 1
    assert revisions("none") not in migrated


def test_database_that_is_down(project: Project, server: Server, tmp_path: Path) -> None:
    with serving_metrics(project, tmp_path, DATABASE_URL=server.UNREACHABLE) as (running, port):
        wait_for(lambda: samples(port).get(UP) == 0, "the query has failed")
        text = scrape(port)
    assert "database_at_head{" not in text, "unknown"
    assert "database_revision_info{" not in text
    assert "s3cret" not in text + running.log


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_database_that_does_not_answer_delays_nothing(project: Project, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://ada:s3cret@127.0.0.1:{silent.getsockname()[1]}/orders"
        copy = project.copy(tmp_path / "orders", url)
        set_interval(copy, 0.1)
        limits = {"ORDERS_CONNECTION_TIMEOUT": "600", "ORDERS_READY_TIMEOUT": "2"}
        with serving_metrics(copy, tmp_path, **limits) as (running, port):
            wait_for(lambda: samples(port).get(UP) == 0, "the query has timed out")
            running.process.terminate()
            assert running.wait(25) == 0
    assert "never retrieved" not in running.log
