"""The pages of the benchmarks: which parts are generated, and what is written into them."""

import re
from pathlib import Path

import pytest

from benchmarks.report import PAGES, Report, Table, machine, write
from tools.reference import PART

PAGE = """\
# Service

By hand.

<!-- generated: machine -->
<!-- end -->

<!-- generated: cost -->
old
<!-- end -->

<!-- generated: gone -->
old
<!-- end -->
"""


def test_table() -> None:
    rows = [["a|b", "1,000", "fails", "x"], ["c", "–", "2.5", "1"], ["d", "", "-3 %", ""]]
    assert Table(["", "n", "s", "t"], rows).markdown() == (
        "|  | n | s | t |\n| --- | ---: | ---: | --- |\n"
        "| a\\|b | 1,000 | fails | x |\n| c | – | 2.5 | 1 |\n| d |  | -3 % |  |\n"
    )
    assert Table(["a"], []).markdown() == "| a |\n| --- |\n"


def test_page_is_filled(tmp_path: Path) -> None:
    """What is written by hand stays; parts that were not measured are marked as such."""
    page = tmp_path / "service.md"
    page.write_text(PAGE, "utf-8")
    report = Report({"cost": Table(["a"], [["1"]])}, versions={"copier": "9.8.7"})
    for _ in range(2):  # A second time changes nothing.
        write("service", report, tmp_path)
        text = page.read_text("utf-8")
        assert text.startswith(
            "# Service\n\nBy hand.\n\n<!-- generated: machine -->\n\nMeasured on"
        )
        assert "copier 9.8.7" in text
        assert "\n| a |\n| ---: |\n| 1 |\n" in text
        assert text.count("Not measured.") == 1
        assert "old" not in text
    with pytest.raises(ValueError, match=r"service\.md has no place for new, service-plot\.svg"):
        write("service", Report(notes={"new": "!"}, plots={"plot": lambda _: None}), tmp_path)


def test_machine() -> None:
    assert re.fullmatch(
        r"Measured on \d{4}-\d\d-\d\d on \d+ cores of .+ with \d+ GiB of memory, .+, with"
        r" the template \d+\.\d+\.\d+, b 1\.0, Python 3\.\d+\.\d+\.",
        machine({"b": "1.0"}),
    )


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_figures_are_generated(page: Path) -> None:
    """No text written by hand contains a duration or a ratio."""
    text = PART.sub("", page.read_text("utf-8"))
    assert not re.findall(r"\d+(?:\.\d+)? ?(?:ms|µs|microseconds|milliseconds|times)\b", text)
