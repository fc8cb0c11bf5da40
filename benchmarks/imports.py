"""The time that imports take, by package, from the log of `python -X importtime`."""

import re
import sys
from collections import Counter
from collections.abc import Mapping

from benchmarks.report import Table

IMPORT = re.compile(r"(?m)^import time: +(\d+) \| +\d+ \| +(\S+)$")
STANDARD_LIBRARY = "Python's own library"


def import_times(log: str) -> Counter[str]:
    """Return the milliseconds of each package, without those of the packages it imports."""
    times: Counter[str] = Counter()
    for microseconds, module in IMPORT.findall(log):
        package = module.partition(".")[0]
        if package.startswith("_") or package in sys.stdlib_module_names:
            package = STANDARD_LIBRARY
        times[package] += int(microseconds) / 1000
    return times


def costliest_imports(logs: Mapping[str, str], rows: int = 8) -> Table:
    """Return the slowest packages of all logs, and a column of milliseconds for each log."""
    header = ["package"]
    columns = []
    for name, log in logs.items():
        header.append(f"{name}, ms")
        columns.append(import_times(log))
    slowest = sum(columns, Counter()).most_common(rows)
    lines: dict[str, list[float]] = {}
    for package, _ in slowest:
        lines[package] = [times[package] for times in columns]
    totals = [times.total() for times in columns]
    listed = map(sum, zip(*lines.values(), strict=True))
    lines["others"] = [total - part for total, part in zip(totals, listed, strict=True)]
    lines["all"] = totals
    table = Table(header, [])
    for package, milliseconds in lines.items():
        table.rows.append([package, *(f"{time:.0f}" for time in milliseconds)])
    return table
