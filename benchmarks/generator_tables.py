"""The tables and the plot of the generator's page."""

import pstats
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.generators import Generator
from benchmarks.report import Table
from benchmarks.resource_usage import best

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PACKAGE = re.compile(r"^.*/(?:site-packages|python3\.\d+)/([^/]+)")


def cost_table(generators: Sequence[Generator]) -> Table:
    header = ["command", "files", "CPU s", "s on the clock", "processes of git", "CPU ms a file"]
    table = Table(header, [])
    for generator in generators:
        wall, cpu = best(generator.costs)
        costs = [f"{cpu:.2f}", f"{wall:.2f}", str(generator.git.total())]
        milliseconds = f"{cpu / generator.files * 1000:.0f}"
        table.rows.append([generator.title, str(generator.files), *costs, milliseconds])
    return table


def git_table(generators: Sequence[Generator]) -> Table:
    """Return how often each command of git is run, the most frequent first."""
    table = Table(["process"], [])
    every: Counter[str] = Counter()
    others = []
    for generator in generators:
        table.header.append(generator.title)
        every += generator.git
        others.append(generator.git.total())
    for command, _ in every.most_common(8):
        row = [f"git {command}"]
        for number, generator in enumerate(generators):
            row.append(str(generator.git[command]))
            others[number] -= generator.git[command]
        table.rows.append(row)
    table.rows.append(["others", *map(str, others)])
    return table


def profile_table(profile: Path) -> Table:
    """Return the seconds in each package, from a file of Python's own profiler."""
    seconds_of = package_times(pstats.Stats(str(profile)))
    total = seconds_of.total()
    table = Table(["package", "s", "share"], [])
    for package, seconds in seconds_of.most_common(10):
        table.rows.append([package, f"{seconds:.2f}", f"{seconds / total * 100:.0f} %"])
    table.rows.append(["all", f"{total:.2f}", "100 %"])
    return table


def package_times(stats: pstats.Stats) -> Counter[str]:
    """Return seconds by package; functions written in C count for their callers."""
    times: Counter[str] = Counter()
    for (path, _, _), (_, _, own, _, callers) in stats.stats.items():  # type: ignore[attr-defined]
        if path == "~" and callers:
            for (caller, _, _), (_, _, part, _) in callers.items():
                times[package_of(caller)] += part
        else:
            times[package_of(path)] += own
    return times


def package_of(path: str) -> str:
    """Return the package of a file, or the module of the standard library."""
    if "importlib" in path:
        return "imports"
    return PACKAGE.sub(r"\1", path).partition("/")[0].removesuffix(".py")


def plot_cost(axes: "Axes", generators: Sequence[Generator]) -> None:
    """Draw a bar for each command."""
    titles, costs = [], []
    for generator in generators:
        titles.append(generator.title)
        costs.append(best(generator.costs).cpu)
    axes.barh(titles, costs)
    axes.invert_yaxis()
    axes.set_xlabel("CPU seconds")
