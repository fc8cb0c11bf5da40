"""Migrations by many, beside a running service, and killed: nothing waits, nothing is half done."""

import contextlib
import itertools
import os
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.databases import Server
from harness.migrators import Migrators, environment, migrators
from harness.processes import only, wait_for
from harness.project import FIRST, Project
from harness.working_copy import CONCURRENT_INDEX, Revise

pytestmark = pytest.mark.seconds(70)

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
    ids = [FIRST, *(str(number) * 12 for number in range(1, 6))]
    for number, (before, revision) in enumerate(itertools.pairwise(ids)):
        revise(revision, TABLE, before=before, table=f"table_{number}")
    return ids


@pytest.fixture
def crowd(copy: Project, chain: list[str], tmp_path: Path) -> Iterator[Migrators]:
    with migrators(copy, tmp_path) as started:
        yield started


def state(server: Server, url: str) -> tuple[object, ...]:
    """Return the revision, the revisions recorded, the schema, and the rows of the chain."""
    names = server.tables(url)
    at, *tables = (
        server.query(url, f"SELECT * FROM {name} ORDER BY 1") if name in names else []
        for name in ("alembic_version", *(f"table_{number}" for number in range(5)))
    )
    recorded = (
        server.query(url, "SELECT revision FROM alembic_history ORDER BY 1")
        if "alembic_history" in names
        else []
    )
    return at[0][0] if at else None, recorded, server.schema(url), tables


def test_many_at_once_time_and_again(
    copy: Project, chain: list[str], revise: Revise, server: Server, tmp_path: Path
) -> None:
    """Of 8 processes one works, the others wait and find it done, 12 times out of 12."""
    if copy.database == "postgresql":
        chain.append("66666666cccc")
        revise(chain[-1], CONCURRENT_INDEX, before=chain[-2])
    expected = None
    with migrators(copy, tmp_path) as crowd:
        for _ in range(12):
            with server.empty_database(tmp_path) as url:
                crowd.start(url, "upgrade", "head", count=8)
                assert crowd.wait() == [0] * 8, crowd.logs
                ran = re.findall(r"Running upgrade \w* ?-> (\w+)", "\n".join(crowd.logs))
                assert sorted(ran) == sorted(chain), crowd.logs
                expected = expected or state(server, url)
                assert expected[0] == chain[-1]
                assert state(server, url) == expected


def test_waiting_has_a_limit(crowd: Migrators, server: Server, url: str) -> None:
    """It says at once that it waits, and at last for how long it has."""
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
    """After a SIGKILL the database is at a whole revision, 30 times out of 30; then it goes on."""
    whole = {}
    with server.empty_database(tmp_path) as url:
        for revision in chain:
            crowd.start(url, "upgrade", revision)
            assert crowd.wait() == [0], crowd.logs
            whole[revision] = state(server, url)
    seen = set()
    for number in range(30):
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
            found = state(server, url)
            seen.add(found[0])
            if found[0]:
                assert found == whole[found[0]]
            else:
                assert server.tables(url) <= {"alembic_version"}
            crowd.start(url, "upgrade", "head")
            assert crowd.wait() == [0], crowd.logs
            assert state(server, url) == whole[chain[-1]]
    assert len(seen) > 1, "all were killed at the same place"
