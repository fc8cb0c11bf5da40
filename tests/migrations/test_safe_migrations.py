"""Concurrent and killed migrations: nothing is done twice, or only in part."""

import contextlib
import os
import random
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.databases import Server
from harness.migrators import Migrators, environment, migrators
from harness.processes import only, wait_for
from harness.project import FIRST, Project
from harness.working_copy import CONCURRENT_INDEX, Revise

pytestmark = pytest.mark.seconds(35)

# How often processes migrate at the same time, and how often a migration is killed.
ROUNDS = 3
KILLS = 12

TABLE = """
def upgrade() -> None:
    op.create_table("{table}", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("INSERT INTO {table} (id) VALUES (1)")
    with op.batch_alter_table("{table}") as batch:
        batch.add_column(sa.Column("note", sa.String(20)))
    op.execute("UPDATE {table} SET note = 'x'")


def downgrade() -> None:
    op.drop_table("{table}")
"""


@pytest.fixture
def chain(copy: Project, revise: Revise) -> list[str]:
    """Write revisions after the first; return the ids of all of them."""
    revisions = [FIRST]
    for number in range(1, 6):
        revision = str(number) * 12
        revise(revision, TABLE, before=revisions[-1], table=f"table_{number}")
        revisions.append(revision)
    return revisions


@pytest.fixture
def crowd(copy: Project, chain: list[str], tmp_path: Path) -> Iterator[Migrators]:
    with migrators(copy, tmp_path) as started:
        yield started


@dataclass(frozen=True)
class State:
    """The revision of a database, if it has one, and what has to fit it."""

    revision: str | None
    recorded: list[tuple[object, ...]]
    schema: list[object]
    rows: dict[str, list[tuple[object, ...]]]


def state(server: Server, url: str) -> State:
    tables = server.tables(url)
    revision = None
    recorded = []
    rows = {}
    if "alembic_version" in tables:
        for (version,) in server.query(url, "SELECT version_num FROM alembic_version"):
            revision = version
    if "alembic_history" in tables:
        recorded = server.query(url, "SELECT revision FROM alembic_history ORDER BY 1")
    for table in tables:
        if table.startswith("table_"):
            rows[table] = server.query(url, f"SELECT * FROM {table} ORDER BY 1")
    return State(revision, recorded, server.schema(url), rows)


def test_many_at_once_time_and_again(
    copy: Project, chain: list[str], revise: Revise, server: Server, tmp_path: Path
) -> None:
    """Of 8 processes one works, the others wait and find it done, each time."""
    if copy.database == "postgresql":
        chain.append("66666666cccc")
        revise(chain[-1], CONCURRENT_INDEX, before=chain[-2])
    expected = None
    with migrators(copy, tmp_path) as crowd:
        for _ in range(ROUNDS):
            with server.empty_database(tmp_path) as url:
                crowd.start(url, "upgrade", "head", count=8)
                assert crowd.wait() == [0] * 8, crowd.logs
                ran = re.findall(r"Running upgrade \w* ?-> (\w+)", "\n".join(crowd.logs))
                assert sorted(ran) == sorted(chain), crowd.logs
                expected = expected or state(server, url)
                assert expected.revision == chain[-1]
                assert state(server, url) == expected


def test_waiting_has_a_limit(crowd: Migrators, server: Server, url: str) -> None:
    """It prints immediately that it waits, and afterwards for how long it has."""
    crowd.start(url, "upgrade", FIRST)
    assert crowd.wait() == [0], crowd.logs
    settings = environment({"migration_timeout": 1})
    with server.migrating(url):
        crowd.start(url, "upgrade", "head", **settings)
        assert crowd.wait() == [255], crowd.logs
        waiting, tired = crowd.logs[0].splitlines()
        assert server.WAITING in waiting
        assert re.search(server.TIRED, tired)
        # Looking needs no lock.
        crowd.start(url, "current", **settings)
        assert crowd.wait() == [0], crowd.logs
    crowd.start(url, "upgrade", "head", **settings)
    assert crowd.wait() == [0], crowd.logs


def test_killed_at_any_moment(
    crowd: Migrators, chain: list[str], server: Server, tmp_path: Path
) -> None:
    """After a SIGKILL the database is at a whole revision, each time, and can continue."""
    whole = {}
    with server.empty_database(tmp_path) as url:
        for revision in chain:
            crowd.start(url, "upgrade", revision)
            assert crowd.wait() == [0], crowd.logs
            whole[revision] = state(server, url)
    seen = set()
    for number in range(KILLS):
        with server.empty_database(tmp_path) as url:
            pid = only(crowd.start(url, "upgrade", "head"))
            # Spread over the run: at a random moment after each of its revisions was begun.
            begun = number % (len(chain) + 1)
            wait_for(lambda: "".join(crowd.logs).count("Running up") >= begun, "it migrates")  # noqa: B023
            time.sleep(random.uniform(0, 0.05 * begun))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            crowd.wait()
            server.settle(url)
            survived = state(server, url)
            seen.add(survived.revision)
            if survived.revision:
                assert survived == whole[survived.revision]
            else:
                assert server.tables(url) <= {"alembic_version"}
            crowd.start(url, "upgrade", "head")
            assert crowd.wait() == [0], crowd.logs
            assert state(server, url) == whole[chain[-1]]
    assert len(seen) > 1, "all were killed at the same revision"
