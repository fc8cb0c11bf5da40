"""`make db-rehearse` says what each statement locks, reads, rewrites and blocks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.processes import only
from harness.project import FIRST
from harness.rehearsal import Rehearsal, locks_of, statements_of
from harness.working_copy import revise

pytestmark = [pytest.mark.slow, pytest.mark.seconds(20)]

ALL, WRITES = ["reads and writes of users"], ["writes of users"]


@dataclass(frozen=True)
class Case:
    """The body of a revision, and what its last statement does."""

    name: str
    body: str
    locks: list[str] = field(default_factory=list)
    scanned: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    is_blocking: bool = False


CASES = [
    Case(
        "a nullable column needs a moment",
        'op.add_column("users", sa.Column("phone", sa.String(20)))',
        ["ACCESS EXCLUSIVE users"],
        blocks=ALL,
    ),
    Case(
        "a volatile default rewrites",
        'op.execute("ALTER TABLE users ADD token uuid DEFAULT gen_random_uuid()")',
        ["ACCESS EXCLUSIVE users"],
        rewritten=["users"],
        blocks=ALL,
        is_blocking=True,
    ),
    Case(
        "an index stops writes",
        'op.create_index("ix_users_phone", "users", ["phone"])',
        ["SHARE users"],
        ["users"],
        blocks=WRITES,
        is_blocking=True,
    ),
    Case(
        "a concurrent index stops nothing",
        "with op.get_context().autocommit_block():\n"
        '    op.create_index("ix_users_name", "users", ["name"], postgresql_concurrently=True)',
        ["SHARE UPDATE EXCLUSIVE users"],
        ["users"],
    ),
    Case(
        "dropping an index concurrently stops nothing",
        "with op.get_context().autocommit_block():\n"
        '    op.drop_index("ix_users_name", "users", postgresql_concurrently=True)',
        ["SHARE UPDATE EXCLUSIVE users"],
    ),
    Case(
        "an index in autocommit is no better",
        "with op.get_context().autocommit_block():\n"
        '    op.create_index("ix_users_name", "users", ["name"])',
        ["SHARE users"],
        ["users"],
        blocks=WRITES,
        is_blocking=True,
    ),
    Case(
        "a new table locks what it refers to",
        'op.create_table("teams", sa.Column("id", sa.Integer(), primary_key=True),'
        ' sa.Column("owner_id", sa.Uuid(), sa.ForeignKey("users.id")))',
        ["SHARE ROW EXCLUSIVE users"],
        blocks=WRITES,
    ),
    Case("a new table may be locked", 'op.create_index("ix_teams", "teams", ["owner_id"])'),
    Case(
        "what a transaction holds blocks while its next statement reads",
        'op.add_column("users", sa.Column("team_id", sa.Integer()))\n'
        'op.create_foreign_key("fk", "users", "teams", ["team_id"], ["id"])',
        [],
        ["users"],
        blocks=ALL,
        is_blocking=True,
    ),
    Case(
        "a constraint that is not validated reads nothing",
        'op.execute("ALTER TABLE users ADD CONSTRAINT ck CHECK (name IS NOT NULL) NOT VALID")',
        ["ACCESS EXCLUSIVE users"],
        blocks=ALL,
    ),
    Case(
        "validating reads, and stops nothing",
        'op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck")',
        ["SHARE UPDATE EXCLUSIVE users"],
        ["users"],
    ),
    Case(
        "NOT NULL reads under the strongest lock",
        'op.execute("ALTER TABLE users ALTER phone SET NOT NULL")',
        ["ACCESS EXCLUSIVE users"],
        ["users"],
        blocks=ALL,
        is_blocking=True,
    ),
    Case(
        "an update locks its rows",
        "op.execute(\"UPDATE users SET name = 'x' WHERE is_active\")",
        ["ROW EXCLUSIVE users"],
        ["users"],
        blocks=["writes of the rows of users that it changes"],
        is_blocking=True,
    ),
    Case(
        "a foreign key locks both tables",
        'op.create_foreign_key("fk_owner", "users", "users", ["id"], ["id"],'
        " postgresql_not_valid=True)",
        ["SHARE ROW EXCLUSIVE users"],
        blocks=WRITES,
    ),
    Case(
        "a longer text needs a moment",
        'op.execute("ALTER TABLE users ALTER phone TYPE varchar(40)")',
        ["ACCESS EXCLUSIVE users"],
        blocks=ALL,
    ),
    Case(
        "dropping a column needs a moment",
        'op.drop_column("users", "token")',
        ["ACCESS EXCLUSIVE users"],
        blocks=ALL,
    ),
]
IDS = {case.name: f"{number:012x}" for number, case in enumerate(CASES, start=1)}


@pytest.fixture(scope="module", params=["postgresql"])
def report(
    request: pytest.FixtureRequest, rehearsals: Callable[[str], Rehearsal]
) -> dict[str, Any]:
    """Return the report of a chain with the revision of each case."""
    rehearsal = rehearsals(request.param)
    after = FIRST
    for case in CASES:
        revise(rehearsal.project, IDS[case.name], case.body, after=after)
        after = IDS[case.name]
    before = rehearsal.databases()
    report = rehearsal.report(code=1)
    assert rehearsal.databases() == before
    return report


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_statement_is_described(report: dict[str, Any], case: Case) -> None:
    statement = statements_of(report, IDS[case.name])[-1]
    described = Case(
        case.name,
        case.body,
        locks_of(statement),
        statement["scanned"],
        statement["rewritten"],
        statement["blocks"],
        statement["is_blocking"],
    )
    assert described == case


def test_statements_of_alembic_are_left_out(report: dict[str, Any]) -> None:
    statement = only(statements_of(report, IDS["a nullable column needs a moment"]))
    assert statement["sql"] == "ALTER TABLE users ADD COLUMN phone VARCHAR(20)"


def test_each_blocking_statement_is_a_problem(report: dict[str, Any]) -> None:
    assert len(report["problems"]) == sum(case.is_blocking for case in CASES)
    assert report["status"] == 1
