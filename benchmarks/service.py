"""The service beside others: CPU of a request, throughput, latency, memory and start-up.

Every contestant is a process of its own on one core; PostgreSQL and the load have another. The
contestants take turns, round after round, so that whatever else the machine does hits all of them.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contestant import BOTH_CORES, TITLES, Contestant, Load, set_up_contestants
from benchmarks.costs import costliest, memory
from benchmarks.profiler import OTHER, OWNERS, shares
from benchmarks.report import FAILED, NOTHING, Report, Table, versions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORKLOADS = {
    "by_id": "GET by id",
    "list": "list of 20",
    "post": "POST",
    "patch": "PATCH",
    "mix": "80 % read",
    "missing": "404",
}
LOADS: list[Load] = [(name, 10) for name in WORKLOADS]
READS: list[Load] = [("by_id", 10), ("list", 10)]
CROWDS: list[Load] = [("by_id", 200), ("list", 200)]
SQLITE_LOADS: list[Load] = [*READS, ("post", 10), ("mix", 10)]
# What is measured once more on SQLite, on both cores, and with larger pools.
FEW = ("service", "usual_async", "usual_sync")
QUICK = ("floor", "service", "released", "usual_async")
# Many short rounds: what else the machine does lasts for seconds.
ROUNDS, SECONDS = 6, 1
# Of what has one round.
LONG = 4
PACKAGES = ["fastapi", "starlette", "pydantic", "sqlalchemy", "asyncpg", "psycopg", "uvicorn"]
PACKAGES += ["uvloop", "httptools", "granian"]


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure on PostgreSQL and on SQLite; quick: a few, on PostgreSQL only."""
    report = Report()
    names, loads = (QUICK, READS) if quick else (tuple(TITLES), LOADS)
    seconds = 1 if quick else SECONDS
    with set_up_contestants(folder, "postgresql", names) as contestants:
        service = contestants[names.index("service")]
        with contextlib.ExitStack() as stack:
            for one in contestants:
                stack.enter_context(one.running())
            take_turns(contestants, loads, 1 if quick else ROUNDS, seconds)
        if not quick:
            crowd(contestants)
            loads = [*loads, *CROWDS]
            for name, few in (("cores", on_both_cores), ("pool", with_larger_pools)):
                found = read_again(few(contestants))
                report.tables[name] = cpu_table(found, READS)
                report.tables[f"{name}-ratio"] = ratios(found, READS)
        for figure in ("cpu", "throughput", "p50", "p99"):
            report.tables[figure] = table(
                contestants, loads, lambda one, load, figure=figure: one.best(load, figure)
            )
        report.tables["ratio"] = ratios(contestants, loads)
        report.tables["start"] = starts(contestants)
        report.tables["imports"] = costliest({"service": import_log(service)})
        report.tables["profile"] = profile(service, 2 * seconds if quick else LONG)
        report.plots["cpu"] = lambda axes: plot(axes, contestants)
        python = service.folder / ".venv/bin/python"
        report.versions = versions(python, *PACKAGES)
    if not quick:
        on_sqlite(folder, report)
    return report


def on_sqlite(folder: Path, report: Report) -> None:
    """Measure one round on SQLite."""
    with (
        set_up_contestants(folder, "sqlite", FEW) as contestants,
        contextlib.ExitStack() as stack,
    ):
        for one in contestants:
            stack.enter_context(one.running())
        take_turns(contestants, SQLITE_LOADS, 1, LONG)
        report.tables["sqlite"] = cpu_table(contestants, SQLITE_LOADS)
        report.tables["sqlite-ratio"] = ratios(contestants, SQLITE_LOADS)


def take_turns(contestants: list[Contestant], loads: list[Load], rounds: int, seconds: int) -> None:
    """Put all of them under each load, round after round, after a round that does not count."""
    for number in range(rounds + 1):
        for load in loads:
            # Whoever is first after a pause finds other caches than the second.
            for one in contestants[:: 1 if number % 2 else -1]:
                if number == 0 and one.has(load):
                    one.warm(load)
                elif one.has(load) and load not in one.failed:
                    one.load(load, seconds)
    for one in contestants:
        one.memory = memory(one.pid)


def on_both_cores(contestants: list[Contestant]) -> list[Contestant]:
    """Return a few that may use the core of the load, too."""
    return [one.again(cores=BOTH_CORES) for one in contestants if one.name in FEW]


def with_larger_pools(contestants: list[Contestant]) -> list[Contestant]:
    """Return a few that all keep as many connections as the load has."""
    few = [one for one in contestants if one.name in FEW]
    return [one.again(env={**one.env, "BENCHMARK_POOL": "larger"}) for one in few]


def read_again(few: list[Contestant]) -> list[Contestant]:
    """Measure reads of these, and return them."""
    with contextlib.ExitStack() as stack:
        for one in few:
            stack.enter_context(one.running())
        take_turns(few, READS, ROUNDS, SECONDS)
    return few


def crowd(contestants: list[Contestant]) -> None:
    """Put them under the loads of many connections, each time in a new process.

    A contestant may not recover: a pool that is stuck stays so for minutes.
    """
    for load in CROWDS:
        for one in contestants:
            with one.running():
                one.warm((load[0], 10))
                one.load(load, LONG)


def heading(load: Load) -> str:
    workload, connections = load
    return (
        f"{WORKLOADS[workload]}, {connections} connections"
        if connections > 10
        else WORKLOADS[workload]
    )


def table(
    contestants: list[Contestant],
    loads: list[Load],
    cell: Callable[[Contestant, Load], float | None],
) -> Table:
    """Return a row for each contestant, a column for each load."""
    rows = []
    for one in contestants:
        figures = [FAILED if load in one.failed else figure_text(cell(one, load)) for load in loads]
        rows.append([one.title, *figures])
    return Table(["", *map(heading, loads)], rows)


def cpu_table(contestants: list[Contestant], loads: list[Load]) -> Table:
    return table(contestants, loads, lambda one, load: one.best(load, "cpu"))


def figure_text(figure: float | None) -> str:
    """Return three digits of it, or all that stand before the point."""
    if figure is None:
        return NOTHING
    return (
        f"{figure:,.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"
    )


def ratios(contestants: list[Contestant], loads: list[Load]) -> Table:
    """Return CPU a request in units of the service's."""
    (service,) = [one for one in contestants if one.name == "service"]

    def ratio(one: Contestant, load: Load) -> float | None:
        cost, unit = one.best(load, "cpu"), service.best(load, "cpu")
        return cost / unit if cost and unit else None

    return table(contestants, loads, ratio)


def starts(contestants: list[Contestant]) -> Table:
    rows = []
    for one in contestants:
        cpu_time, wall = map(min, zip(*one.starts, strict=True))
        rows.append([one.title, f"{cpu_time:.2f}", f"{wall:.2f}", f"{one.memory:.0f}"])
    return Table(["", "CPU s to the first answer", "s on the clock", "MiB after the load"], rows)


def import_log(service: Contestant) -> str:
    """Return what Python says about its imports until the service's first answer."""
    python, *arguments = service.command
    command = [python, "-X", "importtime", *arguments]
    with (timed := service.again(name="imports", command=command)).running():
        pass
    return timed.log.read_text("utf-8")


def profile(service: Contestant, seconds: int) -> Table:
    """Return microseconds of CPU a request by whose code it is."""
    found = {load: shares(service, load, seconds) for load in READS}
    rows = []
    for name in [*dict.fromkeys(OWNERS.values()), OTHER]:
        costs = [(service.best(load, "cpu") or 0) * found[load].get(name, 0) for load in READS]
        rows.append([name, *map(figure_text, costs)])
    return Table(["", *map(heading, READS)], rows)


def plot(axes: "Axes", contestants: list[Contestant]) -> None:
    """Draw a bar for each contestant and read."""
    height = 0.4
    for number, load in enumerate(READS):
        places = [place + (number - 0.5) * height for place in range(len(contestants))]
        axes.barh(
            places, [one.best(load, "cpu") or 0 for one in contestants], height, label=heading(load)
        )
    axes.set_yticks(range(len(contestants)), [one.title for one in contestants])
    axes.invert_yaxis()
    axes.set_xlabel("CPU microseconds a request")
    axes.legend()
