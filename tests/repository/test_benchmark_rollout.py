"""The benchmark of a rollout, in its smallest size: a small table."""

from pathlib import Path

import pytest

from benchmarks import rollout
from benchmarks.report import write
from harness.column_releases import REVISIONS
from harness.load_phases import Phase
from harness.processes import only

pytestmark = pytest.mark.seconds(40)


@pytest.mark.slow
def test_rollout(tmp_path: Path) -> None:
    report = rollout.measure(tmp_path, quick=True)
    write("rollout", report, tmp_path / "pages")
    assert not report.missed
    totals = only(report.tables["totals"].rows)
    figures = [int(cell.replace(",", "")) for cell in totals]
    requests, failed, revisions, backfilled, replaced = figures
    assert requests >= rollout.QUICK.requests
    assert (failed, revisions, replaced) == (0, REVISIONS, 2)
    assert backfilled >= rollout.QUICK.rows
    *phases, total = report.tables["phases"].rows
    assert [row[0] for row in phases][:3] == ["1: before", "2: migrate", "2: backfill"]
    assert total[:3] == ["all", totals[0], "0"]


def test_phases_are_joined() -> None:
    phases = [Phase("1: before", [0.1, 0.3]), Phase("2: migrate", [0.2], ["port 1: timeout"])]
    assert rollout.phases_table(phases).rows == [
        ["1: before", "2", "0", "200.0", "300.0", "300.0"],
        ["2: migrate", "1", "1", "200.0", "200.0", "200.0"],
        ["all", "3", "1", "200.0", "300.0", "300.0"],
    ]
