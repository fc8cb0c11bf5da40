"""The service under increasing load: one worker, two workers, PgBouncer, and small pools.

The worker has a core of its own; PostgreSQL, PgBouncer and the load share the other, except where
two workers use both. The variants of a table take turns, round after round.
"""

import contextlib
import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

import pytest

from benchmarks import wrk
from benchmarks.bench import Bench, LoadResult, Sizes, set_up_bench
from benchmarks.clients import load, offer, random_delays
from benchmarks.growth_tables import (
    OfferedLoad,
    figure,
    latency_table,
    plot_latency,
    pool_table,
    pooler_table,
    slow_pool_table,
    workers_table,
)
from benchmarks.measured_server import BOTH_CORES, Server
from benchmarks.report import NotMeasuredError, Report, Table, versions
from benchmarks.wrk_substitute import requests
from harness.pgbouncer import pooled
from harness.programs import program

# Clients that find the most that a worker serves: enough to keep it and its pool busy.
CLIENTS = 50
PACKAGES = ("fastapi", "uvicorn", "sqlalchemy", "asyncpg")
# Seconds of a slow statement, which uses no CPU: it waits, as for a lock, a disk or a network.
SLOW = 0.05
SLOW_DOWN = f"""
    ALTER TABLE users RENAME TO users_kept;
    CREATE VIEW users AS
        SELECT users_kept.* FROM users_kept, (SELECT pg_sleep({SLOW}) OFFSET 0) AS slept
"""
SPEED_UP = "DROP VIEW users; ALTER TABLE users_kept RENAME TO users"
FULL = Sizes(
    seconds=8,
    slow_seconds=12,
    rounds=2,
    clients=200,
    rates=("10", "100", "50 %", "80 %", "95 %", "1000"),
    pooler=(20, 5),
    pools=(2, 5, 10, 20),
)
QUICK = Sizes(
    seconds=0.25,
    slow_seconds=0.5,
    rounds=1,
    clients=40,
    rates=("10", "1000"),
    pooler=(5,),
    pools=(2,),
)

Variant = TypeVar("Variant", int, str)


def by_id() -> Callable[[], bytes]:
    return requests("by_id")


def mix() -> Callable[[], bytes]:
    return requests("mix", seed=time.time_ns())


def measure_most(bench: Bench, server: Server) -> float:
    """Return the most requests a second that a running server serves to clients that wait."""
    seconds = bench.sizes.seconds
    load(server.port, mix(), CLIENTS, min(2, seconds))
    most = 0.0
    for _ in range(bench.sizes.rounds):
        answers = load(server.port, mix(), CLIENTS, seconds)
        most = max(most, answers.throughput)
    return most


def measure_rates(bench: Bench) -> tuple[float, list[OfferedLoad]]:
    """Return the most that a worker serves, and the results of fixed rates in their order."""
    server, loads = bench.server("one", {}), []
    with server.running():
        most = measure_most(bench, server)
        for text in bench.sizes.rates:
            rate = parse_rate(text, most)
            seconds = bench.sizes.seconds * length_factor(rate, most)
            send = partial(offer, request=mix(), delays=random_delays(rate, seconds))
            loads.append(OfferedLoad(rate, bench.measure(server, send, seconds)))
            time.sleep(min(1, bench.sizes.seconds))
    return most, sorted(loads, key=lambda offered: offered.rate)


def parse_rate(text: str, most: float) -> float:
    """Return requests a second: `50 %` is half of the most."""
    if text.endswith("%"):
        return most * float(text.removesuffix("%")) / 100
    return float(text)


def length_factor(rate: float, most: float) -> int:
    """Return how many times as long as usual a rate is measured."""
    if rate <= 10:  # There must be enough requests for percentiles.
        return 3
    if rate > most:  # A queue needs time to grow.
        return 2
    return 1


def take_turns(
    bench: Bench, variants: Mapping[Variant, Server], request: Callable[[], bytes]
) -> dict[Variant, LoadResult]:
    """Measure the variants in turns; return the round of each with the highest throughput.

    Disturbances of the machine only make a round worse.
    """
    best: dict[Variant, LoadResult] = {}
    for _ in range(bench.sizes.rounds):
        for name, server in variants.items():
            result = bench.saturate(server, request)
            if name not in best or result.answers.throughput > best[name].answers.throughput:
                best[name] = result
    return best


def compare_workers(bench: Bench) -> Table:
    """Compare one worker with two, on both cores."""
    variants = {}
    for workers in (1, 2):
        settings = {"ORDERS_WORKERS": workers}
        variants[workers] = bench.server(f"workers-{workers}", settings, BOTH_CORES)
    return workers_table(take_turns(bench, variants, mix()))


def compare_poolers(bench: Bench, folder: Path) -> Table:
    """Compare connections to PostgreSQL with connections through PgBouncer."""
    parts = urlsplit(bench.url)
    socket = quote(str(bench.project.folder / ".postgres"), safe="")
    behind = f"postgresql://{parts.username}@{parts.path}?host={socket}&port={parts.port}"
    variants = {"none": bench.server("direct", {})}
    with contextlib.ExitStack() as stack:
        for size in bench.sizes.pooler:
            url = stack.enter_context(pooled(behind, folder, pool_size=size))
            settings = {"DATABASE_URL": url, "ORDERS_TRANSACTION_POOLING": True}
            variants[f"PgBouncer, {size}"] = bench.server(f"pooled-{size}", settings)
        return pooler_table(take_turns(bench, variants, mix()))


def compare_pools(bench: Bench) -> dict[str, Table]:
    """Compare sizes of the pool, with fast and with slow statements."""
    variants = {}
    for size in bench.sizes.pools:
        settings = {"ORDERS_POOL_SIZE": size, "ORDERS_POOL_OVERFLOW": 0}
        variants[size] = bench.server(f"pool-{size}", settings)
    fast = take_turns(bench, variants, by_id())
    slow = {}
    bench.execute(SLOW_DOWN)
    for size, server in variants.items():
        slow[size] = bench.saturate(server, by_id(), bench.sizes.slow_seconds)
    bench.execute(SPEED_UP)
    return {"pool-fast": pool_table(fast), "pool-slow": slow_pool_table(slow, SLOW)}


@contextlib.contextmanager
def confined_to(core: int) -> Iterator[None]:
    """Keep this process, and those that it starts without a core of their own, on a core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_many_connections() -> None:
    """Raise the limit of open files: unanswered clients add up."""
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure all tables; raise NotMeasuredError without PgBouncer."""
    sizes = QUICK if quick else FULL
    try:
        program("pgbouncer", package="pgbouncer")
    except (pytest.skip.Exception, pytest.fail.Exception) as error:
        raise NotMeasuredError(str(error)) from None
    allow_many_connections()
    report = Report()
    with set_up_bench(folder, sizes) as bench:
        with confined_to(wrk.CORE):
            most, loads = measure_rates(bench)
            report.tables["latency"] = latency_table(most, loads)
            report.tables["workers"] = compare_workers(bench)
            report.tables["pooler"] = compare_poolers(bench, folder)
            report.tables |= compare_pools(bench)
        python = bench.project.folder / ".venv/bin/python"
        report.versions = versions(python, *PACKAGES)
    report.notes["most"] = f"One worker serves at most {figure(most)} requests a second here."
    report.plots["latency"] = lambda axes: plot_latency(axes, most, loads)
    return report
