"""What processes cost: CPU and memory of a tree of processes, as Linux counts them; imports."""

import os
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import Table

TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Seconds on the clock, and CPU seconds of all processes that were started and have ended."""

    wall: float
    cpu: float


def now() -> Cost:
    """Return both so far; what `since` has to be given."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(time.perf_counter(), usage.ru_utime + usage.ru_stime)


def since(before: Cost) -> Cost:
    after = now()
    return Cost(after.wall - before.wall, after.cpu - before.cpu)


def best(costs: Sequence[Cost]) -> Cost:
    """Return the least that any round took: what disturbs a round only adds."""
    return Cost(min(cost.wall for cost in costs), min(cost.cpu for cost in costs))


def tree(pid: int) -> list[int]:
    """Return a process and all that it has started, directly or not."""
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        children += map(int, path.read_text().split())
    return [pid, *(one for child in children for one in tree(child))]


def total(pid: int, figure: Callable[[int], int]) -> int:
    """Return the sum of a figure over a tree of processes, anew when one of them ends meanwhile.

    Raises an OSError when the first of them has ended.
    """
    try:
        return sum(map(figure, tree(pid)))
    except (FileNotFoundError, ProcessLookupError):
        if not Path(f"/proc/{pid}").exists():
            raise
        return total(pid, figure)


def cpu(pid: int) -> float:
    """Return the CPU seconds, user and system, that a tree of processes has used so far.

    Those that have ended count: their parents have what they used.
    """
    return total(pid, ticks) / TICKS


def ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def memory(pid: int) -> float:
    """Return the MiB that a tree of processes has for itself; what it shares is counted in parts."""
    return total(pid, kilobytes) / 1024


def kilobytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.findall(r"(?m)^Pss: +(\d+) kB$", text)[0])


def imports(log: str) -> Counter[str]:
    """Return the milliseconds that each package took, itself, from what `-X importtime` has said."""
    found: Counter[str] = Counter()
    for microseconds, name in re.findall(r"(?m)^import time: +(\d+) \| +\d+ \| +(\S+)$", log):
        package = name.partition(".")[0]
        own = package.startswith("_") or package in sys.stdlib_module_names
        found["Python's own library" if own else package] += int(microseconds) / 1000
    return found


def costliest(logs: Mapping[str, str], rows: int = 8) -> Table:
    """Return the milliseconds of the packages whose import takes longest, and of all, by log."""
    found = {name: imports(log) for name, log in logs.items()}
    most = sum(found.values(), Counter()).most_common(rows)
    cells = [[name, *(times[name] for times in found.values())] for name, _ in most]
    listed = [sum(column) for column in list(zip(*cells, strict=True))[1:]]
    every = [times.total() for times in found.values()]
    cells.append(["others", *(all_ - some for all_, some in zip(every, listed, strict=True))])
    cells.append(["all", *every])
    header = ["package", *(f"{name}, ms" for name in logs)]
    return Table(header, [[name, *(f"{time:.0f}" for time in times)] for name, *times in cells])
