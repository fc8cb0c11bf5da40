"""The tables and the plot of the page about growth."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.bench import LoadResult
from benchmarks.clients import PATIENCE, UNANSWERED, percentile
from benchmarks.report import NOTHING, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LATENCY_HEADER = [
    "offered/s",
    "of the most",
    "core in use",
    "served/s",
    "p50 ms",
    "p99 ms",
    "mean ms",
    "model: mean ms",
    "p99 ms in the log",
    "live ms",
    "waiting at most",
    "503",
    f"no answer in {PATIENCE:.0f} s",
]
THROUGHPUT_HEADER = ["served/s", "p50 ms", "p99 ms"]
CPU_HEADER = ["CPU µs a request", "of PostgreSQL"]


class OfferedLoad(NamedTuple):
    """Requests a second that were sent, and the result."""

    rate: float
    result: LoadResult


def figure(number: float, digits: int = 0) -> str:
    if math.isnan(number):
        return NOTHING
    return f"{number:,.{digits}f}"


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def mean_in_queue(rate: float, most: float) -> float:
    """Return the mean seconds in an M/M/1 queue that serves at most so many requests a second."""
    if rate >= most:
        return float("nan")
    return 1 / (most - rate)


def latency_table(most: float, loads: list[OfferedLoad]) -> Table:
    """Return a row for each rate; `most` is the most that a worker serves."""
    table = Table(LATENCY_HEADER, [])
    for rate, result in loads:
        answers = result.answers
        table.rows.append(
            [
                figure(rate),
                percent(rate / most),
                percent(result.cpu / answers.seconds),
                figure(answers.throughput),
                figure(result.latency(0.5), 1),
                figure(result.latency(0.99), 1),
                figure(result.mean, 1),
                figure(mean_in_queue(rate, most) * 1000, 1),
                figure(percentile(result.logged, 0.99), 1),
                figure(result.probe.live, 1),
                figure(answers.waiting),
                percent(answers.share(503)),
                percent(answers.share(UNANSWERED)),
            ]
        )
    return table


def plot_latency(axes: "Axes", most: float, loads: list[OfferedLoad]) -> None:
    """Draw latency over utilisation, for rates that a worker can serve."""
    utilisations, p99s, means = [], [], []
    for rate, result in loads:
        if rate < most:
            utilisations.append(rate / most * 100)
            p99s.append(result.latency(0.99))
            means.append(result.mean)
    axes.plot(utilisations, p99s, marker="o", label="p99")
    axes.plot(utilisations, means, marker="o", label="mean")
    curve = range(99)
    times = [mean_in_queue(part / 100 * most, most) * 1000 for part in curve]
    axes.plot(curve, times, linestyle="--", label="mean in the model")
    axes.set(yscale="log", xlabel="% of the most that one worker serves", ylabel="ms")
    axes.legend()


def throughput_cells(result: LoadResult) -> list[str]:
    latencies = [figure(result.latency(0.5)), figure(result.latency(0.99))]
    return [figure(result.answers.throughput), *latencies]


def cpu_cells(result: LoadResult) -> list[str]:
    """Return microseconds of CPU a successful request, of the service and of PostgreSQL."""
    requests = len(result.answers.good)
    return [figure(result.cpu / requests * 1e6), figure(result.database_cpu / requests * 1e6)]


def workers_table(results: Mapping[int, LoadResult]) -> Table:
    """Return a row for each number of workers."""
    header = ["workers", *THROUGHPUT_HEADER, *CPU_HEADER, "MiB", "MiB a worker", "connections"]
    table = Table(header, [])
    for workers, result in results.items():
        memory = [figure(result.memory), figure(result.memory / workers)]
        row = [str(workers), *throughput_cells(result), *cpu_cells(result), *memory]
        table.rows.append([*row, figure(result.probe.connections)])
    return table


def pooler_table(results: Mapping[str, LoadResult]) -> Table:
    """Return a row for each pooler between the service and PostgreSQL."""
    header = ["pooler", *THROUGHPUT_HEADER, *CPU_HEADER, "connections to PostgreSQL"]
    table = Table(header, [])
    for pooler, result in results.items():
        row = [pooler, *throughput_cells(result), *cpu_cells(result)]
        table.rows.append([*row, figure(result.probe.connections)])
    return table


def pool_table(results: Mapping[int, LoadResult]) -> Table:
    """Return a row for each number of connections in the pool."""
    table = Table(["connections", *THROUGHPUT_HEADER, "503"], [])
    for size, result in results.items():
        busy = percent(result.answers.share(503))
        table.rows.append([str(size), *throughput_cells(result), busy])
    return table


def slow_pool_table(results: Mapping[int, LoadResult], statement_seconds: float) -> Table:
    """Return the same for slow statements, beside the most that a pool can serve of these."""
    table = pool_table(results)
    table.header.insert(1, "model: served/s")
    for size, row in zip(results, table.rows, strict=True):
        row.insert(1, figure(size / statement_seconds))
    return table
