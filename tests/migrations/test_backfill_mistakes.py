"""`make db-backfill`: a mistake is one line that names it, and changes nothing."""

import pytest

from harness.databases import Server, shows_password
from harness.jobs import RESULT, ROWS
from harness.processes import lines_of, only
from harness.project import Project

pytestmark = pytest.mark.seconds(5)

EXAMPLE = 'make db-backfill table=users set="full_name = name" where="full_name IS NULL"'
# The table, what changes in it, and which rows.
MISTAKES = {
    "no end": ("jobs", "times = times + 1", "NOT done"),
    "set": ("jobs", "tims = 1", "NOT done"),
    "value": ("jobs", "times = tims + 1", "NOT done"),
    "where": ("jobs", "done = true", "NOT don"),
    "table": ("job", "done = true", "NOT done"),
    "key": ("nokey", "a = 1", "a = 0"),
}
REASONS = {
    "postgresql": {
        "no end": "WHERE must exclude the rows that are done",
        "set": 'column "tims" of relation "jobs" does not exist (SQLSTATE 42703)',
        "value": 'column "tims" does not exist (SQLSTATE 42703)',
        "where": 'column "don" does not exist (SQLSTATE 42703)',
        "table": 'relation "job" does not exist (SQLSTATE 42P01)',
        "key": "column nokey.id does not exist (SQLSTATE 42703)",
    },
    "sqlite": {
        "no end": "WHERE must exclude the rows that are done",
        "set": "no such column: tims (SQLITE_ERROR)",
        "value": "no such column: tims (SQLITE_ERROR)",
        "where": "no such column: don (SQLITE_ERROR)",
        "table": "no such table: job (SQLITE_ERROR)",
        "key": "no such column: nokey.id (SQLITE_ERROR)",
    },
}


def test_mistake_is_one_line(copy: Project, server: Server, filled: str) -> None:
    server.query(filled, "CREATE TABLE nokey (a integer)")
    server.query(filled, "INSERT INTO nokey VALUES (0)")
    for mistake, (table, changes, where) in MISTAKES.items():
        done = copy.script("backfill", table, "--set", changes, "--where", where, code=1)
        assert only(done.stderr.splitlines()) == f"stopped: {REASONS[copy.database][mistake]}"
        assert server.query(filled, RESULT) == [(ROWS, 0, 0)], mistake


COMPLETE = ["table=users", "set=name = 'x'", "where=name = 'y'"]


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
@pytest.mark.parametrize("missing", COMPLETE)
def test_missing_variable_is_one_line(project: Project, missing: str) -> None:
    arguments = COMPLETE.copy()
    arguments.remove(missing)
    line = only(lines_of(project.make("db-backfill", *arguments, code=None).stderr))
    assert line == f"table=, set= and where= required: {EXAMPLE}"


def test_unreachable_database_is_one_line(project: Project, server: Server) -> None:
    environment = {"DATABASE_URL": server.UNREACHABLE}
    line = only(lines_of(project.make("db-backfill", *COMPLETE, env=environment, code=None).stderr))
    assert line.startswith("stopped: cannot ")
    assert not shows_password(server.UNREACHABLE, line)
