"""The benchmark of safe migrations, in its smallest size: a few changes on small tables."""

from pathlib import Path

import pytest

from benchmarks import safe_migrations
from benchmarks.__main__ import page_of
from benchmarks.report import write
from benchmarks.safe_migrations import LIMIT, Outcome, missed, row, total
from harness.model_changes import CASES
from harness.table_load import Waits

pytestmark = pytest.mark.seconds(60)

FAST = Outcome(2, 1.25, [Waits(0.01, "SELECT 1", 90), Waits(0.02, "INSERT", 10)])
SLOW = Outcome(1, 4.5, [Waits(4.4, "SELECT  1", 9)], incompatibility="no such column")
BROKEN = Outcome(1, 1, [Waits(0.1, "SELECT 1", 9)], failure="FAILED: rolled back")


@pytest.mark.slow
def test_safe_migrations(tmp_path: Path) -> None:
    report = safe_migrations.measure(tmp_path, quick=True)
    write(page_of("safe"), report, tmp_path / "pages")
    # A busy machine may make statements slow; anything else is a mistake.
    assert not [text for text in report.missed if " ms for " not in text]
    changes = report.tables["changes"].rows
    assert len(changes) > 2
    safe, plain = report.tables["totals"].rows
    assert safe[1] == plain[1] == str(len(changes))
    assert int(safe[2].replace(",", "")) > 0
    assert safe[5] == safe[6] == "0"


def test_rows() -> None:
    case = CASES[0]
    assert row(case, FAST, SLOW) == [case.name, "2", "20", "1.2", "4,400", "4.5", "fails"]
    assert row(case, FAST, FAST)[-1] == "runs"
    assert row(case, FAST, BROKEN)[-3:] == ["fails", "–", "–"]
    assert row(case, FAST, Outcome())[-3:] == ["–", "–", "–"]


def test_totals() -> None:
    outcomes = [FAST, SLOW, BROKEN, Outcome()]
    assert total("all", outcomes) == ["all", "4", "118", "4,400", "1", "1", "1"]
    assert total("none", []) == ["none", "0", "0", "0", "0", "0", "0"]


def test_what_is_missed() -> None:
    name = CASES[0].name
    assert not list(missed(CASES[0], FAST))
    slow, incompatible = missed(CASES[0], SLOW)
    assert SLOW.longest > LIMIT
    assert slow == f"{name}: 4,400 ms for SELECT 1"
    assert incompatible.startswith(f"{name}: the old code fails before the rollout: no such")
    assert list(missed(CASES[0], BROKEN)) == [f"{name}: FAILED: rolled back"]
    deadlock = Outcome(1, 1, [Waits(0.1, "SELECT 1", 9, 2, "deadlock detected")])
    assert list(missed(CASES[0], deadlock)) == [f"{name}: 2 statements failed: deadlock detected"]
