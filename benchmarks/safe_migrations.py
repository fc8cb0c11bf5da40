"""The revisions of `make db-revision` under load: how long readers and writers wait for each change.

Beside it, in the same run, the same change as Alembic alone writes it (`unsafe=1`).
`tests/migrations/test_safe_cases.py` runs the same cases on small tables, up and down.
"""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks.report import FAILED, NOTHING, Report, Table, versions
from harness.changed_tables import NAMES, Case
from harness.migrators import migrators
from harness.model_changes import CASES
from harness.project import set_up
from harness.safe_cases import EXPAND, REVISION, Execution, Workshop
from harness.table_load import Load, Waits, loading
from harness.template import copy_of_working_tree, render

ROWS, QUICK_ROWS = 1_000_000, 1_000
# Every so many cases.
QUICK_STEP = 30
PACKAGES = ("sqlalchemy", "alembic", "psycopg")
UNSAFE = ("-x", "unsafe=1")
# The rows that a backfill changes under load; one statement changes the others before it.
BACKFILLED = 50_000
# What an upgrade until the rollout prints if other revisions are left.
WAITING = "waiting for the rollout"
# Milliseconds: the lock_timeout of migrations is half of it.
LIMIT = 1_000
HEADER = [
    "change",
    "revisions",
    "longest wait, ms",
    "seconds",
    "Alembic: longest wait, ms",
    "Alembic: seconds",
    "Alembic: the old code",
]
TOTALS = [
    "",
    "changes",
    "statements",
    "longest wait, ms",
    "changes with a wait over 1 s",
    "changes that fail on a table with rows",
    "changes that break the old code",
]


@dataclass
class Outcome:
    """What a change did to the clients: seconds of the upgrade, and what the load noticed."""

    revisions: int = 0
    seconds: float = 0
    waits: list[Waits] = field(default_factory=list)
    # The output of what failed, such as an upgrade.
    failure: str = ""
    # Why the old code fails before the rollout.
    incompatibility: str = ""

    @property
    def longest(self) -> float:
        """The milliseconds of the slowest statement."""
        return 1000 * max(wait.longest for wait in self.waits)

    @property
    def slowest_statement(self) -> str:
        slowest = max(self.waits, key=lambda wait: wait.longest)
        return " ".join(slowest.statement.split())

    @property
    def statements(self) -> int:
        return sum(wait.count for wait in self.waits)


def failed(executions: Sequence[Execution]) -> str:
    """Return the output of the last command if it failed."""
    if executions and not executions[-1].code:
        return ""
    return "\n".join(map(str, executions[-1:])) or "nothing was executed"


def try_old_code(url: str, case: Case) -> str:
    """Return why a statement of the old code fails, or an empty string."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (*case.tables.reads, *case.tables.writes):
            try:
                connection.execute(statement.encode(), {"id": 7})
            except psycopg.Error as error:
                return str(error)
    return ""


@dataclass
class Measurement:
    """Runs cases on tables of so many rows."""

    workshop: Workshop
    rows: int

    def measure(self, case: Case, options: Sequence[str]) -> Outcome:
        """Write the revisions with options of Alembic, and apply them while clients work."""
        outcome = Outcome()
        with self.workshop.begun(case, self.rows) as url:
            outcome.failure = failed(self.workshop.run(case, url, (*options, *REVISION)))
            outcome.revisions = len(self.workshop.written)
            if not outcome.failure:
                self.apply(case, url, outcome)
            if not outcome.failure and options != UNSAFE:
                outcome.failure = failed(self.workshop.run(case, url, ("check",)))
        return outcome

    def apply(self, case: Case, url: str, outcome: Outcome) -> None:
        """Apply the revisions before the rollout, then the others, under load."""
        with loading(url, case.tables.reads, case.tables.writes, self.rows) as load:
            printed = self.execute(case, url, EXPAND, outcome, load)
        outcome.incompatibility = try_old_code(url, case)
        if outcome.failure or WAITING not in printed:
            return
        self.workshop.run(case, url, ("prefill", str(self.rows - BACKFILLED)))
        with loading(url, case.tables.reads, case.writes_of_new_code(), self.rows) as load:
            self.execute(case, url, ("upgrade",), outcome, load)

    def execute(
        self, case: Case, url: str, step: Sequence[str], outcome: Outcome, load: Load
    ) -> str:
        """Run a step; add its time and waits to the outcome, and return what it has printed."""
        begin = time.monotonic()
        executions = self.workshop.run(case, url, step)
        outcome.seconds += time.monotonic() - begin
        outcome.waits += load.report()
        outcome.failure = failed(executions)
        return "".join(map(str, executions))


def row(case: Case, safe: Outcome, plain: Outcome) -> list[str]:
    """Return the figures of a case."""
    cells = [case.name, str(safe.revisions), *figures(safe), *figures(plain)]
    if plain.failure or not plain.revisions:
        return [*cells, NOTHING]
    return [*cells, "fails" if plain.incompatibility else "runs"]


def figures(outcome: Outcome) -> list[str]:
    """Return the longest wait and the seconds, or that it fails."""
    if not outcome.revisions:
        return [NOTHING, NOTHING]
    if outcome.failure:
        return [FAILED, NOTHING]
    return [f"{outcome.longest:,.0f}", f"{outcome.seconds:.1f}"]


def total(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Return the figures of all cases."""
    applied = [outcome for outcome in outcomes if outcome.revisions and not outcome.failure]
    waits = list(map(longest, applied))
    counts = [
        len(outcomes),
        sum(map(statements, outcomes)),
        round(max(waits, default=0)),
        len([wait for wait in waits if wait > LIMIT]),
        len([outcome for outcome in outcomes if outcome.failure]),
        len([outcome for outcome in applied if outcome.incompatibility]),
    ]
    return [name, *(f"{count:,}" for count in counts)]


def longest(outcome: Outcome) -> float:
    return outcome.longest


def statements(outcome: Outcome) -> int:
    return outcome.statements


def missed(case: Case, safe: Outcome) -> Iterator[str]:
    """Yield what the revisions of a case should not have done."""
    if safe.failure:
        yield f"{case.name}: {safe.failure}"
    elif safe.longest > LIMIT:
        yield f"{case.name}: {safe.longest:,.0f} ms for {safe.slowest_statement}"
    for wait in safe.waits:
        if wait.failures:
            yield f"{case.name}: {wait.failures} statements failed: {wait.failure}"
    if safe.incompatibility:
        yield f"{case.name}: the old code fails before the rollout: {safe.incompatibility}"


@contextmanager
def workshop_in(folder: Path) -> Iterator[Workshop]:
    """Render and set up a service with PostgreSQL; yield what runs the cases in it."""
    template = copy_of_working_tree(folder / "template")
    rendered = render(template, folder / "orders", {"database": "postgresql"})
    with (
        set_up(rendered, "postgresql") as project,
        migrators(project, folder, own=False) as started,
    ):
        yield Workshop(dataclasses.replace(project, migrators=started), folder)


def measured_cases() -> list[Case]:
    """Return the cases with a safe form and with rows, but not those that differ in names only.

    Where there is no safe form, `make db-lint` has a finding.
    """
    return [case for case in CASES if not case.rules and case.has_rows and case.tables != NAMES]


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure the cases; quick: a few, on small tables."""
    cases = measured_cases()
    if quick:
        cases = cases[::QUICK_STEP]
    safe: list[Outcome] = []
    plain: list[Outcome] = []
    rows = []
    report = Report()
    with workshop_in(folder) as workshop:
        measurement = Measurement(workshop, QUICK_ROWS if quick else ROWS)
        report.versions = versions(workshop.project.folder / ".venv/bin/python", *PACKAGES)
        for case in cases:
            safe.append(measurement.measure(case, case.options))
            plain.append(measurement.measure(case, UNSAFE))
            rows.append(row(case, safe[-1], plain[-1]))
            report.missed += missed(case, safe[-1])
            print(" | ".join(rows[-1]), flush=True)
    totals = [total("make db-revision", safe), total("Alembic alone", plain)]
    report.tables = {"totals": Table(TOTALS, totals), "changes": Table(HEADER, rows)}
    report.notes = {"load": f"On tables of {measurement.rows:,} rows."}
    return report
