"""What a part of the benchmarks has found, and how it gets onto its page in docs/benchmarks.

A page says where: between `<!-- generated: NAME -->` and `<!-- end -->`. All else on it is written
by hand, and stays.
"""

import importlib.util
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.processes import run
from harness.template import ROOT
from tools.reference import PART
from tools.tags import tags

if TYPE_CHECKING:  # It is there for `make bench` only.
    from matplotlib.axes import Axes

PAGES = ROOT / "docs/benchmarks"
NOTHING, FAILED = "–", "fails"
UNKNOWN = "Not measured.\n"
FIGURE = re.compile(rf"|{NOTHING}|{FAILED}|[-+−]?\d[\d,.]*( ?\S{{1,3}})?")
# Readable on white and on black.
INK = "#808080"
COLOURS = ["#4c8dd6", "#e08a3c", "#57a773", "#c0609c", "#9a86d6", "#b0a040"]
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmarks",
    "font.family": "sans-serif",
    "font.size": 9,
    "legend.frameon": False,
    "savefig.transparent": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **{
        f"{name}color": INK
        for name in ("text.", "axes.edge", "axes.label", "axes.title", "xtick.", "ytick.", "grid.")
    },
}
ASK = "import json, sys; from importlib.metadata import version; print(json.dumps("
ASK += "{name: version(name) for name in sys.argv[1:]}))"


class NotMeasuredError(Exception):
    """Something is missing that a part needs; the message says what to do."""


@dataclass
class Table:
    """Rows of text under a header; the figures have their unit in the header."""

    header: list[str]
    rows: list[list[str]]

    def markdown(self) -> str:
        """Return the table, with columns of figures on the right."""
        columns = list(zip(*self.rows, strict=True))
        sides = ["---:" if all(map(FIGURE.fullmatch, column)) else "---" for column in columns]
        cells = [self.header, sides or ["---"] * len(self.header), *self.rows]
        lines = [[cell.replace("|", "\\|") for cell in line] for line in cells]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)


@dataclass
class Report:
    """What a part has found. A key is the name of a generated part of the page.

    A plot draws into the axes that it is given, and becomes `PART-NAME.svg`, which the page shows.
    """

    tables: dict[str, Table] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    plots: dict[str, "Callable[[Axes], None]"] = field(default_factory=dict)
    # Of the packages that were measured, by name.
    versions: Mapping[str, str] = field(default_factory=dict)
    # Limits that were not kept, in words.
    missed: list[str] = field(default_factory=list)

    def texts(self) -> dict[str, str]:
        """Return what stands on the page, in Markdown, by the names of the generated parts."""
        tables = {name: table.markdown() for name, table in self.tables.items()}
        notes = {name: f"{note}\n" for name, note in self.notes.items()}
        return {"machine": f"{machine(self.versions)}\n", **notes, **tables}


def write(part: str, report: Report, docs: Path = PAGES) -> None:
    """Fill the part's page in this folder and draw its plots beside it.

    Where the folder has no such page, it gets a copy of the repository's. A part of the page that
    is not in the report is not measured, and says so. Raise ValueError when the page has no place
    for something that is in the report.
    """
    docs.mkdir(parents=True, exist_ok=True)
    page = docs / f"{part}.md"
    if not page.exists():
        shutil.copy(PAGES / page.name, page)
    text = page.read_text("utf-8")
    texts, pictures = report.texts(), [f"{part}-{name}.svg" for name in report.plots]
    there = [name for _, name, _ in PART.findall(text)]
    shown = re.findall(rf"\(({re.escape(part)}-[^)]+\.svg)\)", text)
    if homeless := {*texts, *pictures} - {*there, *shown}:
        raise ValueError(f"{page.name} has no place for {', '.join(sorted(homeless))}")
    text = PART.sub(lambda found: f"{found[1]}\n{texts.get(found[2], UNKNOWN)}\n{found[3]}", text)
    page.write_text(text, "utf-8")
    if importlib.util.find_spec("matplotlib") is None:
        print("No plots are drawn: `make bench` installs matplotlib", file=sys.stderr)
        return
    for picture, plot in zip(pictures, report.plots.values(), strict=True):
        draw(plot, docs / picture)


def draw(plot: "Callable[[Axes], None]", path: Path) -> None:
    """Draw a small SVG that is the same for the same figures."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    with matplotlib.rc_context(STYLE | {"axes.prop_cycle": matplotlib.cycler(color=COLOURS)}):
        figure, axes = pyplot.subplots(figsize=(7, 3.2), layout="constrained")
        plot(axes)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)


def versions(python: Path, *packages: str) -> dict[str, str]:
    """Return the versions of a Python and of packages in its environment."""
    printed = run(python, "-c", ASK, *packages, cwd=python.parent).stdout
    own = run(python, "-c", "import platform; print(platform.python_version())", cwd=python.parent)
    return {"Python": own.stdout.strip(), **json.loads(printed)}


def machine(packages: Mapping[str, str] | None = None) -> str:
    """Return a sentence on when and where this was measured, and with which packages."""
    processor = re.search(r"(?m)^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"))
    name = processor[1] if processor else platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    releases = tags.headings((ROOT / "CHANGELOG.md").read_text("utf-8"))
    known = {"the template": releases[0], **(packages or {})}
    known.setdefault("Python", platform.python_version())
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores of {name} with"
        f" {memory:.0f} GiB of memory, {system}, with "
        + ", ".join(f"{package} {version}" for package, version in known.items())
        + "."
    )
