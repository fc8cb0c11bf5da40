"""The tables and the plot of the service's page."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.measured_server import Load, Server
from benchmarks.profiler import OTHER, OWNERS
from benchmarks.report import FAILED, NOTHING, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Titles of wrk.lua's workloads.
WORKLOADS = {
    "by_id": "GET by id",
    "list": "list of 20",
    "post": "POST",
    "patch": "PATCH",
    "mix": "80 % read",
    "missing": "404",
}


def service_of(servers: list[Server]) -> Server:
    return next(server for server in servers if server.name == "service")


def heading(load: Load) -> str:
    title = WORKLOADS[load.workload]
    if load.connections > 10:
        return f"{title}, {load.connections} connections"
    return title


def figure_text(figure: float | None) -> str:
    """Return three digits of a figure, or all digits before the point."""
    if figure is None:
        return NOTHING
    if figure >= 100:
        return f"{figure:,.0f}"
    if figure >= 10:
        return f"{figure:.1f}"
    return f"{figure:.2f}"


def table(
    servers: list[Server],
    loads: list[Load],
    figure: Callable[[Server, Load], float | None],
) -> Table:
    """Return a row for each server and a column for each load."""
    result = Table(["", *map(heading, loads)], [])
    for server in servers:
        row = [server.title]
        for load in loads:
            text = FAILED if load in server.failed else figure_text(figure(server, load))
            row.append(text)
        result.rows.append(row)
    return result


def cost_table(servers: list[Server], loads: list[Load], name: str) -> Table:
    """Return the best figures of this name: a field of RequestCost."""
    return table(servers, loads, lambda server, load: server.best(load, name))


def cpu_table(servers: list[Server], loads: list[Load]) -> Table:
    return cost_table(servers, loads, "cpu")


def ratio_table(servers: list[Server], loads: list[Load]) -> Table:
    """Return CPU a request, divided by that of the service."""
    service = service_of(servers)

    def ratio(server: Server, load: Load) -> float | None:
        cost, unit = server.best(load, "cpu"), service.best(load, "cpu")
        if not cost or not unit:
            return None
        return cost / unit

    return table(servers, loads, ratio)


def start_table(servers: list[Server]) -> Table:
    result = Table(["", "CPU s to the first answer", "s on the clock", "MiB after the load"], [])
    for server in servers:
        cpu, wall = map(min, zip(*server.starts, strict=True))
        result.rows.append([server.title, f"{cpu:.2f}", f"{wall:.2f}", f"{server.memory:.0f}"])
    return result


def profile_table(service: Server, shares: dict[Load, dict[str, float]]) -> Table:
    """Return microseconds of CPU a request by the owner of the code, from its shares."""
    result = Table(["", *map(heading, shares)], [])
    for owner in [*dict.fromkeys(OWNERS.values()), OTHER]:
        row = [owner]
        for load, share in shares.items():
            cpu = service.best(load, "cpu") or 0
            row.append(figure_text(cpu * share.get(owner, 0)))
        result.rows.append(row)
    return result


def plot_cpu(axes: "Axes", servers: list[Server], loads: list[Load]) -> None:
    """Draw a bar for each server and load."""
    height = 0.4
    for number, load in enumerate(loads):
        offset = (number - 0.5) * height
        positions = [position + offset for position in range(len(servers))]
        costs = [server.best(load, "cpu") or 0 for server in servers]
        axes.barh(positions, costs, height, label=heading(load))
    axes.set_yticks(range(len(servers)), [server.title for server in servers])
    axes.invert_yaxis()
    axes.set_xlabel("CPU microseconds a request")
    axes.legend()
