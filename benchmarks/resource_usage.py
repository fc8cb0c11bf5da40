"""CPU time and memory of processes, as Linux counts them."""

import os
import re
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Seconds on the clock, and CPU seconds of all child processes that have ended."""

    wall: float
    cpu: float


def now() -> Cost:
    """Return both so far, as the start of a measurement."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(time.perf_counter(), usage.ru_utime + usage.ru_stime)


def since(start: Cost) -> Cost:
    """Return the cost between `start` and now."""
    end = now()
    return Cost(end.wall - start.wall, end.cpu - start.cpu)


def best(costs: Sequence[Cost]) -> Cost:
    """Return the lowest cost of several rounds: disturbances only add to it."""
    walls, cpus = zip(*costs, strict=True)
    return Cost(min(walls), min(cpus))


def process_tree(pid: int) -> list[int]:
    """Return the ids of a process and of all its descendants."""
    tree = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            tree += process_tree(int(child))
    return tree


def total(pid: int, figure: Callable[[int], int]) -> int:
    """Return the sum of a figure over a process tree; retry when one of its processes ends.

    Raises an OSError when the process itself has ended.
    """
    try:
        return sum(map(figure, process_tree(pid)))
    except (FileNotFoundError, ProcessLookupError):
        if not Path(f"/proc/{pid}").exists():
            raise
        return total(pid, figure)


def cpu(pid: int) -> float:
    """Return the CPU seconds, user and system, that a process tree has used so far.

    Those of ended processes count: Linux adds them to their parents.
    """
    return total(pid, ticks) / TICKS_PER_SECOND


def ticks(pid: int) -> int:
    """Return the CPU time of a process and of its ended children, from proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def memory(pid: int) -> float:
    """Return the MiB of a process tree; pages shared by n processes count as one nth."""
    return total(pid, kilobytes) / 1024


def kilobytes(pid: int) -> int:
    """Return the proportional set size of a process, from proc(5)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.findall(r"(?m)^Pss: +(\d+) kB$", text)[0])
