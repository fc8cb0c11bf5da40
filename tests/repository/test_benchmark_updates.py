"""The benchmark of updates, in its smallest size: a single service."""

from pathlib import Path

import pytest

from benchmarks import updates
from benchmarks.report import write
from harness.services_of_1x import LIVES

pytestmark = pytest.mark.seconds(25)


@pytest.mark.slow
def test_updates(tmp_path: Path) -> None:
    report = updates.measure(tmp_path, quick=True)
    write("updates", report, tmp_path / "pages")
    assert not report.missed
    service, total = report.tables["update"].rows
    own, changed, replaced, merged, edited, conflicting = map(int, service[1:])
    assert service[0] == LIVES[0].name
    assert total == ["all", *service[1:]]
    assert own > 20
    assert replaced > 50
    assert merged > edited >= 0
    assert changed == conflicting == 0
    assert report.tables["move"].rows[0] == [LIVES[0].name, str(len(LIVES[0].left_over)), "0"]


def test_changed_bytes() -> None:
    before = {"same": b"1", "edited": b"1234", "deleted": b"12", "longer": b"1"}
    after = {"same": b"1", "edited": b"1034", "added": b"123", "longer": b"1\n"}
    assert updates.changed_files(before, after) == {"edited", "deleted", "longer", "added"}
    assert updates.changed_bytes(before, after) == 1 + 2 + 3 + 1
    assert updates.changed_bytes(before, before) == 0


def test_changed_bytes_and_conflicts_are_missed() -> None:
    figures = {
        "first": updates.UpdateFigures(30, 0, 100, 6, 1, 0),
        "second": updates.UpdateFigures(30, 1, 100, 6, 1, 2),
    }
    assert updates.missed(figures) == ["second: 1 bytes of own files changed, 2 files conflict"]
