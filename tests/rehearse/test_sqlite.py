"""`make db-rehearse` on SQLite: a migration stops writes, and may copy tables."""

from collections.abc import Callable
from operator import itemgetter
from pathlib import Path

import pytest

from harness.processes import only
from harness.project import FIRST
from harness.rehearsal import Rehearsal, locks_of, statements_of
from harness.working_copy import revise

pytestmark = [pytest.mark.slow, pytest.mark.seconds(5)]

ADDED = "aaaaaaaaaaaa"
PHONE = 'op.add_column("users", sa.Column("phone", sa.String(20)))'
COPY = 'with op.batch_alter_table("users") as batch:\n    batch.alter_column("name", nullable=True)'


@pytest.fixture(params=["sqlite"])
def rehearsal(request: pytest.FixtureRequest, rehearsals: Callable[[str], Rehearsal]) -> Rehearsal:
    return rehearsals(request.param)


def test_column_copies_nothing(rehearsal: Rehearsal) -> None:
    revise(rehearsal.project, ADDED, PHONE)
    report = rehearsal.report()
    statement = only(statements_of(report, ADDED))
    assert locks_of(statement) == ["RESERVED main"]
    assert statement["blocks"] == ["writes of all tables"]
    assert not statement["rewritten"]


def test_batch_copies_the_table(rehearsal: Rehearsal) -> None:
    revise(rehearsal.project, ADDED, COPY)
    statements = statements_of(rehearsal.report(code=1), ADDED)
    statement = only(filter(itemgetter("is_blocking"), statements))
    assert statement["rewritten"] == ["users"]
    assert statement["sql"].startswith("INSERT INTO _alembic_tmp_users")


def test_new_table_may_be_copied(rehearsal: Rehearsal) -> None:
    create = 'op.create_table("teams", sa.Column("id", sa.Integer(), primary_key=True))'
    index = 'op.create_index("ix_teams_id", "teams", ["id"])'
    revise(rehearsal.project, ADDED, f"{create}\n{index}")
    assert rehearsal.report()["problems"] == []


def test_copy_of_a_database(rehearsal: Rehearsal, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deployed.db"
    rehearsal.project.alembic(url, "upgrade", "head")
    revise(rehearsal.project, ADDED, PHONE)
    report = rehearsal.report(DATABASE_URL=url, base="", **{"from": "database"})
    assert [entry["revision"] for entry in report["revisions"]] == [ADDED]
    rehearsal.project.alembic(url, "upgrade", "head")
    output = rehearsal.run(DATABASE_URL=url, base=FIRST, **{"from": "database"}).stdout
    assert output.endswith("has every revision\n")


def test_load_is_refused(rehearsal: Rehearsal) -> None:
    revise(rehearsal.project, ADDED, PHONE)
    assert "have no meaning for SQLite" in rehearsal.run(code=2, load="1").stderr
