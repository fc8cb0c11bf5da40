"""The service beside others: CPU of a request, throughput, latency, memory and start-up.

Each server is a process on one core; PostgreSQL and the load share the other. The servers take
turns, round after round, so that a disturbance of the machine affects all of them.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.compared_servers import TITLES, set_up_servers
from benchmarks.imports import costliest_imports
from benchmarks.measured_server import BOTH_CORES, Load, Server
from benchmarks.profiler import cpu_shares
from benchmarks.report import Report, versions
from benchmarks.resource_usage import memory
from benchmarks.service_tables import (
    WORKLOADS,
    cost_table,
    cpu_table,
    plot_cpu,
    profile_table,
    ratio_table,
    service_of,
    start_table,
)

LOADS = [Load(workload, 10) for workload in WORKLOADS]
READS = [Load("by_id", 10), Load("list", 10)]
CROWDS = [Load("by_id", 200), Load("list", 200)]
SQLITE_LOADS = [*READS, Load("post", 10), Load("mix", 10)]
# Servers that are also measured on SQLite, on both cores, and with larger pools.
FEW = ("service", "usual_async", "usual_sync")
QUICK = ("floor", "service", "released", "usual_async")
# Many short rounds, as a disturbance of the machine lasts for seconds.
ROUNDS, SECONDS = 6, 1
# The length of a measurement with a single round.
LONG = 4
PACKAGES = ["fastapi", "starlette", "pydantic", "sqlalchemy", "asyncpg", "psycopg", "uvicorn"]
PACKAGES += ["uvloop", "httptools", "granian"]


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure on PostgreSQL and on SQLite; quick: a few servers, one cold round."""
    report = Report()
    if quick:
        with set_up_servers(folder, "postgresql", QUICK) as servers:
            with running(servers):
                take_turns(servers, READS, rounds=1, warm_up=False)
            add_tables(report, servers, READS, profiled=READS[:1], profile_seconds=1)
        return report
    with set_up_servers(folder, "postgresql", tuple(TITLES)) as servers:
        with running(servers):
            take_turns(servers, LOADS, ROUNDS)
        measure_crowds(servers)
        for name, variants in (("cores", on_both_cores(servers)), ("pool", larger_pools(servers))):
            with running(variants):
                take_turns(variants, READS, ROUNDS)
            report.tables[name] = cpu_table(variants, READS)
            report.tables[f"{name}-ratio"] = ratio_table(variants, READS)
        add_tables(report, servers, [*LOADS, *CROWDS], profiled=READS, profile_seconds=LONG)
    with set_up_servers(folder, "sqlite", FEW) as servers:
        with running(servers):
            take_turns(servers, SQLITE_LOADS, rounds=1, seconds=LONG)
        report.tables["sqlite"] = cpu_table(servers, SQLITE_LOADS)
        report.tables["sqlite-ratio"] = ratio_table(servers, SQLITE_LOADS)
    return report


def add_tables(
    report: Report,
    servers: list[Server],
    loads: list[Load],
    *,
    profiled: list[Load],
    profile_seconds: int,
) -> None:
    """Add what was measured on PostgreSQL; profile the service's imports and requests."""
    service = service_of(servers)
    for figure in ("cpu", "throughput", "p50", "p99"):
        report.tables[figure] = cost_table(servers, loads, figure)
    report.tables["ratio"] = ratio_table(servers, loads)
    report.tables["start"] = start_table(servers)
    report.tables["imports"] = costliest_imports({"service": import_log(service)})
    shares = {load: cpu_shares(service, load, profile_seconds) for load in profiled}
    report.tables["profile"] = profile_table(service, shares)
    report.plots["cpu"] = lambda axes: plot_cpu(axes, servers, READS)
    report.versions = versions(service.folder / ".venv/bin/python", *PACKAGES)


@contextlib.contextmanager
def running(servers: list[Server]) -> Iterator[None]:
    """Run servers side by side."""
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.enter_context(server.running())
        yield


def take_turns(
    servers: list[Server],
    loads: list[Load],
    rounds: int,
    seconds: int = SECONDS,
    *,
    warm_up: bool = True,
) -> None:
    """Measure each server under each load, round after round, by default after a round to warm up."""
    if warm_up:
        for server in servers:
            for load in loads:
                if server.supports(load):
                    server.warm_up(load)
    for number in range(rounds):
        # Forwards and backwards, as the first server after a pause has cold caches.
        order = servers[:: -1 if number % 2 else 1]
        for load in loads:
            for server in order:
                if server.supports(load) and load not in server.failed:
                    server.measure(load, seconds)
    for server in servers:
        server.memory = memory(server.pid)


def on_both_cores(servers: list[Server]) -> list[Server]:
    """Return a few servers that may also use the core of the load."""
    return [server.variant(cores=BOTH_CORES) for server in select_few(servers)]


def larger_pools(servers: list[Server]) -> list[Server]:
    """Return a few servers, all with as many connections to the database as the load has."""
    variants = []
    for server in select_few(servers):
        variants.append(server.variant(env={**server.env, "BENCHMARK_POOL": "larger"}))
    return variants


def select_few(servers: list[Server]) -> list[Server]:
    return [server for server in servers if server.name in FEW]


def measure_crowds(servers: list[Server]) -> None:
    """Measure the loads of many connections, each in a new process.

    A server may not recover from such a load: a pool can be stuck for minutes.
    """
    for load in CROWDS:
        for server in servers:
            with server.running():
                server.warm_up(Load(load.workload, 10))
                server.measure(load, LONG)


def import_log(service: Server) -> str:
    """Return what `-X importtime` prints until the service's first answer."""
    python, *arguments = service.command
    command = [python, "-X", "importtime", *arguments]
    timed = service.variant(name="imports", command=command)
    with timed.running():
        pass
    return timed.log.read_text("utf-8")
