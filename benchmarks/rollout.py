"""A rollout under load: a column is renamed on two replicas with PostgreSQL.

`tests/migrations/test_zero_downtime.py` does the same with a smaller table.
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Report, Table, versions
from harness.column_rollout import Rollout, Sizes, rename_column
from harness.databases import server_of
from harness.load_phases import Phase, joined
from harness.project import set_up
from harness.template import copy_of_working_tree, render

FULL = Sizes(rows=1_000_000, warm=1_000, requests=10_000, rate=100)
QUICK = Sizes(rows=1_000, warm=20, requests=100, rate=50)
PACKAGES = ("fastapi", "sqlalchemy", "alembic", "asyncpg")
TOTALS = [
    "requests",
    "failed requests",
    "revisions applied",
    "rows backfilled",
    "replicas replaced",
]
PHASES = ["phase", "requests", "failed", "median, ms", "99 %, ms", "longest, ms"]


def totals_table(rollout: Rollout) -> Table:
    requests = joined(rollout.phases)
    figures = [
        len(requests.times),
        len(requests.failures),
        rollout.revisions,
        rollout.backfilled,
        rollout.replaced,
    ]
    return Table(TOTALS, [[f"{figure:,}" for figure in figures]])


def phases_table(phases: Sequence[Phase]) -> Table:
    table = Table(PHASES, [])
    for phase in (*phases, joined(phases)):
        counts = [f"{len(phase.times):,}", f"{len(phase.failures):,}"]
        times = (phase.percentile(50), phase.percentile(99), phase.longest)
        table.rows.append([phase.title, *counts, *(f"{time:.1f}" for time in times)])
    return table


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure the whole rollout; quick: on a small table."""
    sizes = QUICK if quick else FULL
    template = copy_of_working_tree(folder / "template")
    rendered = render(template, folder / "orders", {"database": "postgresql"})
    with set_up(rendered, "postgresql") as project:
        packages = versions(project.folder / ".venv/bin/python", *PACKAGES)
        server = server_of(project)
        with server.empty_database(folder) as url:
            ((packages["PostgreSQL"],),) = server.query(url, "SHOW server_version")
            rollout = rename_column(project, url, folder, sizes)
    tables = {
        "totals": totals_table(rollout),
        "phases": phases_table(rollout.phases),
    }
    load = f"{sizes.rate} requests a second, on a table of {sizes.rows:,} rows."
    report = Report(tables=tables, notes={"load": load}, versions=packages)
    failures = joined(rollout.phases).failures
    if failures:
        report.missed.append(f"{len(failures)} requests failed, the first: {failures[0]}")
    return report
