"""The tables of the page about telemetry: each server beside the first of its group, by rounds."""

import re
import statistics
from collections.abc import Callable, Mapping, Sequence

from benchmarks.measured_server import Load, Server
from benchmarks.report import NOTHING, Table
from benchmarks.service_tables import figure_text, heading

# The highest ratios of CPU a request to that without telemetry.
LIMITS = {"prometheus": 1.05, "opentelemetry_10": 1.15}
# Modules for a part that is switched on, as `-X importtime` prints them.
IMPORTED = re.compile(
    r"(?m)^import time:.*\| +((?:opentelemetry|prometheus_client|sentry_sdk)(?:\.\S+)?"
    r"|kit\._internal\.telemetry\.\w+\.(?!settings$)\S+)$"
)
HEADER = ["what", "load", "measured", "limit", ""]
RECEIVED = ["", "requests", "traces, %", "spans a trace", "bytes a request"]

# A baseline, and servers to compare with it.
Group = Sequence[Server]
Counts = Mapping[str, Mapping[str, int]]


def named(group: Group, name: str) -> Server:
    return next(server for server in group if server.name == name)


def ratios(server: Server, baseline: Server, load: Load) -> list[float]:
    """Return the CPU of a request, divided by that of the baseline, in each round."""
    pairs = zip(server.costs[load], baseline.costs[load], strict=True)
    return [cost.cpu / unit.cpu for cost, unit in pairs]


def differences(server: Server, baseline: Server, load: Load) -> list[float]:
    """Return the microseconds that a request costs more than the baseline's in each round."""
    pairs = zip(server.costs[load], baseline.costs[load], strict=True)
    return [cost.cpu - unit.cpu for cost, unit in pairs]


def ratio(server: Server, baseline: Server, load: Load) -> float:
    return statistics.median(ratios(server, baseline, load))


def table(
    groups: Sequence[Group], loads: Sequence[Load], cell: Callable[[Server, Server, Load], str]
) -> Table:
    """Return a row for each server and a column for each load; the cells also get the baseline."""
    result = Table(["", *map(heading, loads)], [])
    for group in groups:
        for server in group:
            result.rows.append([server.title, *(cell(server, group[0], load) for load in loads)])
    return result


def cpu_cell(server: Server, _baseline: Server, load: Load) -> str:
    return figure_text(statistics.median([cost.cpu for cost in server.costs[load]]))


def added_cell(server: Server, baseline: Server, load: Load) -> str:
    return f"{statistics.median(differences(server, baseline, load)):.0f}"


def ratio_cell(server: Server, baseline: Server, load: Load) -> str:
    return f"{ratio(server, baseline, load):.2f}"


def spread_cell(server: Server, baseline: Server, load: Load) -> str:
    low, high = spread(ratios(server, baseline, load))
    return f"{low:.2f} to {high:.2f}"


def spread(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def limits_table(service: Group, loads: Sequence[Load], imported: set[str]) -> Table:
    """Return each limit with what was measured, and whether it was met."""
    baseline, again, *_ = service
    result = Table(HEADER, [])

    def add(server: Server, load: Load, lowest: float, highest: float, limit: str) -> None:
        measured = ratio(server, baseline, load)
        met = result_text(met=lowest <= measured <= highest)
        result.rows.append([server.title, heading(load), f"{measured:.3f}", limit, met])

    for name, limit in LIMITS.items():
        for load in loads:
            add(named(service, name), load, 0, limit, f"at most {limit:.2f}")
    switched_off = named(service, "switched_off")
    for load in loads:
        low, high = spread(ratios(again, baseline, load))
        # Each of the two may be the faster.
        widest = max(high, 1 / low)
        add(switched_off, load, 1 / widest, widest, f"{1 / widest:.3f} to {widest:.3f}, noise")
    names = ", ".join(sorted(imported)) or "none"
    row = [switched_off.title, "imported modules of the parts", names, "none"]
    result.rows.append([*row, result_text(met=not imported)])
    return result


def result_text(*, met: bool) -> str:
    return "met" if met else "**not met**"


def imported_for_parts(switched_off: str, off: str) -> set[str]:
    """Return the modules for parts in the first log of imports that are not in the second.

    FastAPI itself imports the interface of OpenTelemetry.
    """
    return {*IMPORTED.findall(switched_off)} - {*IMPORTED.findall(off)}


def received_table(servers: Sequence[Server], received: Counts) -> Table:
    """Return what has arrived from the servers that send telemetry."""
    result = Table(RECEIVED, [])
    for server in servers:
        if server.name not in received:
            continue
        counts = received[server.name]
        row = [server.title, f"{server.requests:,}", NOTHING, NOTHING]
        if counts.get("traces"):
            row[2] = f"{100 * counts['traces'] / server.requests:.1f}"
            row[3] = f"{counts['spans'] / counts['traces']:.1f}"
        result.rows.append([*row, f"{counts['bytes'] / server.requests:,.0f}"])
    return result
