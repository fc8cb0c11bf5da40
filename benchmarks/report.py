"""The figures of a part of the benchmarks, and how they are written to its page in docs/benchmarks.

Tables and notes replace what is between `<!-- generated: NAME -->` and `<!-- end -->`. The rest of
the page is written by hand and stays as it is.
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
from harness.releases import next_release, released
from harness.template import ROOT
from tools.reference import PART
from tools.tags import tags

if TYPE_CHECKING:  # Installed for `make bench` only.
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
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
}
VERSIONS = """
import json, platform, sys
from importlib.metadata import version

versions = {"Python": platform.python_version()}
for name in sys.argv[1:]:
    versions[name] = version(name)
print(json.dumps(versions))
"""


class NotMeasuredError(Exception):
    """A part lacks something that it needs; the message says what to do."""


@dataclass
class Table:
    """Rows of text under a header, which names the units of figures."""

    header: list[str]
    rows: list[list[str]]

    def markdown(self) -> str:
        """Return the table in Markdown, with columns of figures aligned to the right."""
        sides = ["---"] * len(self.header)
        for number, column in enumerate(zip(*self.rows, strict=True)):
            if all(map(FIGURE.fullmatch, column)):
                sides[number] = "---:"
        text = ""
        for row in (self.header, sides, *self.rows):
            cells = [cell.replace("|", "\\|") for cell in row]
            text += f"| {' | '.join(cells)} |\n"
        return text


@dataclass
class Report:
    """The figures of a part, by the names of the generated parts of its page.

    A plot is a function that draws into axes; its picture is `PART-NAME.svg`.
    """

    tables: dict[str, Table] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    plots: dict[str, "Callable[[Axes], None]"] = field(default_factory=dict)
    # Versions of the measured packages.
    versions: Mapping[str, str] = field(default_factory=dict)
    # Exceeded limits, as sentences.
    missed: list[str] = field(default_factory=list)

    def texts(self) -> dict[str, str]:
        """Return the Markdown of each generated part."""
        texts = {"machine": f"{machine(self.versions)}\n"}
        for name, note in self.notes.items():
            texts[name] = f"{note}\n"
        for name, table in self.tables.items():
            texts[name] = table.markdown()
        return texts


def write(part: str, report: Report, docs: Path = PAGES) -> None:
    """Fill the part's page in this folder and draw its plots beside it.

    A folder without the page gets a copy of the repository's. Generated parts that are not in the
    report say that they were not measured. Raises ValueError when the page lacks a generated part
    or a picture of the report.
    """
    docs.mkdir(parents=True, exist_ok=True)
    page = docs / f"{part}.md"
    if not page.exists():
        shutil.copy(PAGES / page.name, page)
    text = page.read_text("utf-8")
    texts = report.texts()
    plots = {f"{part}-{name}.svg": plot for name, plot in report.plots.items()}
    missing = {*texts, *plots} - names_on_page(text, part)
    if missing:
        raise ValueError(f"{page.name} has no place for {', '.join(sorted(missing))}")
    text = PART.sub(lambda match: f"{match[1]}\n{texts.get(match[2], UNKNOWN)}\n{match[3]}", text)
    page.write_text(text, "utf-8")
    if importlib.util.find_spec("matplotlib") is None:
        print("No plots are drawn: `make bench` installs matplotlib", file=sys.stderr)
        return
    for picture, plot in plots.items():
        draw(plot, docs / picture)


def names_on_page(text: str, part: str) -> set[str]:
    """Return the names of generated parts, and the files of pictures, on the page of a part."""
    names = set(re.findall(rf"\(({re.escape(part)}-[^)]+\.svg)\)", text))
    for _, name, _ in PART.findall(text):
        names.add(name)
    return names


def draw(plot: "Callable[[Axes], None]", path: Path) -> None:
    """Draw a small SVG, which is the same for the same figures."""
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
    output = run(python, "-c", VERSIONS, *packages, cwd=python.parent).stdout
    installed: dict[str, str] = json.loads(output)
    return installed


def machine(packages: Mapping[str, str] | None = None) -> str:
    """Return a sentence with the date, the machine and the versions of a measurement."""
    names = {"the template": template_release(), **(packages or {})}
    names.setdefault("Python", platform.python_version())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores of {processor()} with"
        f" {memory:.0f} GiB of memory, {system}, with "
        + ", ".join(f"{name} {number}" for name, number in names.items())
        + "."
    )


def template_release() -> str:
    """Return the newest release in CHANGELOG.md, or the next one if there are unreleased changes."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = tags.headings(text)
    if "\n## Unreleased\n" in text:
        return next_release(headings, list(released()))
    return headings[0]


def processor() -> str:
    """Return the model of the processor, or at least its architecture."""
    model = re.search(r"(?m)^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"))
    if model is None:
        return platform.machine()
    return model[1]
