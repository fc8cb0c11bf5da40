"""The tables and the plot of the page about migrations."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.migration_environments import COMMANDS, Environment, Size
from benchmarks.report import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def command_title(command: str) -> str:
    return " ".join(COMMANDS[command][:2])


def cost_table(environments: Sequence[Environment], sizes: dict[str, Size], unit: str) -> Table:
    """Return a row for each command and size; `sizes` are by their text in the unit."""
    template, stock = environments
    cpu_header = [f"{template.name}, CPU s", f"{stock.name}, CPU s", "ratio"]
    wall_header = [f"{template.name}, s on the clock", f"{stock.name}, s on the clock"]
    table = Table(["command", unit, *cpu_header, *wall_header], [])
    for command in COMMANDS:
        for text, size in sizes.items():
            own, other = template.best(command, size), stock.best(command, size)
            cpu = [f"{own.cpu:.2f}", f"{other.cpu:.2f}", f"{own.cpu / other.cpu:.2f}"]
            wall = [f"{own.wall:.2f}", f"{other.wall:.2f}"]
            table.rows.append([command_title(command), text, *cpu, *wall])
    return table


def growth_table(environments: Sequence[Environment], sizes: Sequence[Size]) -> Table:
    """Return milliseconds of CPU for each additional revision, between consecutive sizes."""
    steps = list(itertools.pairwise(sizes))
    table = Table(["command"], [])
    for environment in environments:
        for less, more in steps:
            span = f"{less.revisions:,} to {more.revisions:,}"
            table.header.append(f"{environment.name}, {span}")
    for command in COMMANDS:
        row = [command_title(command)]
        for environment in environments:
            for less, more in steps:
                added = environment.best(command, more).cpu - environment.best(command, less).cpu
                revisions = more.revisions - less.revisions
                row.append(f"{added / revisions * 1000:.2f}")
        table.rows.append(row)
    return table


def plot_growth(axes: "Axes", environments: Sequence[Environment], sizes: Sequence[Size]) -> None:
    """Draw the CPU of two commands by the number of revisions."""
    revisions = [size.revisions for size in sizes]
    for environment, line in zip(environments, ("-", "--"), strict=True):
        for command, colour in (("upgrade", "C0"), ("check", "C1")):
            costs = [environment.best(command, size).cpu for size in sizes]
            label = f"{command_title(command)}, {environment.name}"
            axes.plot(revisions, costs, line, color=colour, marker="o", label=label)
    axes.set_xlabel("revisions")
    axes.set_ylabel("CPU seconds")
    axes.set_ylim(bottom=0)
    axes.legend()
