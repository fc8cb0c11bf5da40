"""The service under more and more load: one worker, two, through PgBouncer, with small pools.

One core is the worker's; PostgreSQL, PgBouncer and the load share the other, where nothing else is
said. The load of a table is asked for in turns, round after round.
"""

import contextlib
import json
import math
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from benchmarks.clients import PATIENCE, UNANSWERED, Answers, load, offer, percentile, random_delays
from benchmarks.contestant import BOTH_CORES, OTHER_CORE, SEEDS, SERVER_CORE, Contestant
from benchmarks.costs import cpu, memory
from benchmarks.driver import requests
from benchmarks.postgresql import listening
from benchmarks.report import NOTHING, NotMeasuredError, Report, Table, versions
from harness.pgbouncer import pooled
from harness.processes import clean_environment
from harness.programs import program
from harness.project import Project, set_up
from harness.template import copy_of_working_tree, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of those who find the most that one worker can serve: enough to keep it busy, and all its pool.
CLIENTS = 50
PACKAGES = ("fastapi", "uvicorn", "sqlalchemy", "asyncpg")
# What a statement does that is slow without using a core: it waits for a lock, a disk, a network.
SLOW = 0.05
SLOWER = f"""
    ALTER TABLE users RENAME TO users_kept;
    CREATE VIEW users AS
        SELECT users_kept.* FROM users_kept, (SELECT pg_sleep({SLOW}) OFFSET 0) AS slept
"""
FAST = "DROP VIEW users; ALTER TABLE users_kept RENAME TO users"
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}'"


class Sizes(NamedTuple):
    """How much is measured: seconds, rounds, clients at once, and the variants of each table."""

    seconds: float
    # With slow statements: longer than connection_timeout, or nobody would see it.
    slow: float
    rounds: int
    clients: int
    rates: tuple[str, ...]
    # Connections of PgBouncer to PostgreSQL, and those of a worker to PostgreSQL.
    pooler: tuple[int, ...]
    pools: tuple[int, ...]


# Rates are requests a second, or parts of the most that one worker has answered.
FULL = Sizes(8, 12, 2, 200, ("10", "100", "50 %", "80 %", "95 %", "1000"), (20, 5), (2, 5, 10, 20))
QUICK = Sizes(0.5, 0.5, 1, 40, ("10", "1000"), (5,), (2,))


class Probe(NamedTuple):
    """What is asked in the middle of a load: connections there are, and milliseconds of `live`."""

    connections: int
    live: float


@dataclass
class Load:
    """What came of a load: the answers, and what the service used for them."""

    answers: Answers
    # CPU seconds of all processes of the service and of PostgreSQL.
    cpu: float
    database: float
    # MiB that the service had in the end.
    memory: float
    probe: Probe
    # Milliseconds that its log gives to each request.
    logged: list[float]

    def per_request(self) -> list[str]:
        """Return microseconds of CPU for each request that was served, of both."""
        return [figure(used / len(self.answers.good) * 1e6) for used in (self.cpu, self.database)]

    @property
    def mean(self) -> float:
        """The mean milliseconds of those that were served."""
        return statistics.mean(self.answers.good) * 1000

    def latency(self, share: float) -> float:
        """Return the milliseconds in which this share of those that were served was."""
        return percentile(self.answers.good, share) * 1000


def by_id() -> Callable[[], bytes]:
    return requests("users", "by_id")


def mix() -> Callable[[], bytes]:
    return requests("users", "mix", seed=time.time_ns())


@dataclass
class Bench:
    """A service that has been set up, and the address of its PostgreSQL."""

    project: Project
    url: str
    sizes: Sizes

    def contestant(
        self, name: str, settings: Mapping[str, object], both: bool = False
    ) -> Contestant:
        """Return the service with these settings, on its own core or on both."""
        given = {f"ORDERS_{key.upper()}": str(value) for key, value in settings.items()}
        url = given.pop("ORDERS_DATABASE_URL", self.url)
        command: list[str | Path] = [self.project.folder / ".venv/bin/python", "-m", "app"]
        # Of clients that have gone, as many may be left as it would not end with before long.
        given["ORDERS_SHUTDOWN_TIMEOUT"] = "5"
        # By which its connections are told from those that PgBouncer keeps of another one.
        given["ORDERS_SERVICE_NAME"] = name
        env = clean_environment({"DATABASE_URL": url, **given})
        cores = BOTH_CORES if both else str(SERVER_CORE)
        return Contestant(name, name, command, self.project.folder, env, cores=cores)

    def query(self, statement: str) -> int:
        """Run a statement; return the figure that it returns, or 0."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return int(cursor.fetchall()[0][0]) if cursor.description else 0

    @property
    def database_pid(self) -> int:
        return int((self.project.folder / ".postgres/postmaster.pid").read_text().split()[0])

    def ask(self, service: Contestant) -> Probe:
        """Count the service's connections; ask whether it lives, on a connection of its own."""
        connections, begin = self.query(CONNECTIONS.format(service.name)), time.perf_counter()
        with contextlib.closing(HTTPConnection("127.0.0.1", port(service), PATIENCE)) as client:
            try:
                client.request("GET", "/health/live")
                client.getresponse().read()
            except OSError:
                return Probe(connections, float("nan"))
        return Probe(connections, (time.perf_counter() - begin) * 1000)

    def under(self, service: Contestant, work: Callable[[int], Answers], seconds: float) -> Load:
        """Have the service do this work, for about so long; raise AssertionError if it did wrong."""
        size, both = service.log.stat().st_size, (service.pid, self.database_pid)
        before = [cpu(pid) for pid in both]
        with ThreadPoolExecutor(1) as pool:
            probe = pool.submit(lambda: time.sleep(seconds * 0.7) or self.ask(service))
            answers = work(port(service))
            used = [cpu(pid) - start for pid, start in zip(both, before, strict=True)]
        assert answers.good, f"{service.name} has served nothing"
        wrong = [one for one in answers.times if one not in {200, 201, 503, UNANSWERED}]
        assert not wrong, f"{service.name} has answered {wrong}"
        times = logged(service.log, size)
        return Load(answers, *used, memory(service.pid), probe.result(), times)

    def loads(self, service: Contestant, request: Callable[[], bytes], seconds: float = 0) -> Load:
        """Have all clients ask it for so long, after a time that does not count."""
        seconds = seconds or self.sizes.seconds
        ask = partial(load, request=request, clients=self.sizes.clients)
        with service.running():
            ask(port(service), seconds=min(2, seconds))
            return self.under(service, partial(ask, seconds=seconds), seconds)


def port(service: Contestant) -> int:
    return int(service.address.rpartition(":")[2])


def logged(log: Path, begin: int) -> list[float]:
    """Return the milliseconds of the requests in a log of JSON lines, from this place on."""
    with log.open("rb") as file:
        file.seek(begin)
        lines = [json.loads(line) for line in file if b'"duration_ms"' in line]
    return [line["duration_ms"] for line in lines]


def figure(number: float, digits: int = 0) -> str:
    return NOTHING if math.isnan(number) else f"{number:,.{digits}f}"


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def model(rate: float, most: float) -> float:
    """Return the mean seconds in a queue M/M/1, where at most so many are served a second."""
    return 1 / (most - rate) if rate < most else float("nan")


def rates(bench: Bench) -> tuple[float, list[tuple[float, Load]]]:
    """Return the most that one worker has served, and what came of rates that wait for nobody."""
    service, seconds = bench.contestant("one", {}), bench.sizes.seconds
    found = []
    with service.running():
        load(port(service), mix(), CLIENTS, min(2, seconds))
        most = max(
            load(port(service), mix(), CLIENTS, seconds).throughput
            for _ in range(bench.sizes.rounds)
        )
        for text in bench.sizes.rates:
            rate = most * float(text[:-2]) / 100 if text.endswith("%") else float(text)
            # Few requests need longer to have percentiles; a queue needs time to grow.
            length = seconds * (3 if rate <= 10 else 2 if rate > most else 1)
            ask = partial(offer, request=mix(), delays=random_delays(rate, length))
            found.append((rate, bench.under(service, ask, length)))
            time.sleep(min(1, seconds))
    return most, sorted(found, key=lambda one: one[0])


def latency(most: float, found: list[tuple[float, Load]]) -> Table:
    header = "offered/s|of the most|core in use|served/s|p50 ms|p99 ms|mean ms|model: mean ms"
    header += f"|p99 ms in the log|live ms|waiting at most|503|no answer in {PATIENCE:.0f} s"
    rows = [
        [
            figure(rate),
            percent(rate / most),
            percent(one.cpu / one.answers.seconds),
            figure(one.answers.throughput),
            *(figure(one.latency(share), 1) for share in (0.5, 0.99)),
            figure(one.mean, 1),
            figure(model(rate, most) * 1000, 1),
            figure(percentile(one.logged, 0.99), 1),
            figure(one.probe.live, 1),
            figure(one.answers.waiting),
            percent(one.answers.share(503)),
            percent(one.answers.share(UNANSWERED)),
        ]
        for rate, one in found
    ]
    return Table(header.split("|"), rows)


def plot(axes: "Axes", most: float, found: list[tuple[float, Load]]) -> None:
    """Draw latency over utilisation, as far as there is an end to it."""
    below = [(rate / most * 100, one) for rate, one in found if rate < most]
    parts = [part for part, _ in below]
    axes.plot(parts, [one.latency(0.99) for _, one in below], marker="o", label="p99")
    axes.plot(parts, [one.mean for _, one in below], marker="o", label="mean")
    curve = range(99)
    times = [model(part / 100 * most, most) * 1000 for part in curve]
    axes.plot(curve, times, linestyle="--", label="mean in the model")
    axes.set(yscale="log", xlabel="% of the most that one worker serves", ylabel="ms")
    axes.legend()


def in_turns(
    bench: Bench, variants: Mapping[str, Contestant], request: Callable[[], bytes]
) -> dict[str, Load]:
    """Load one variant after the other; return the round of each in which most was served.

    What else the machine does makes a round only worse.
    """
    found: dict[str, list[Load]] = {name: [] for name in variants}
    for _ in range(bench.sizes.rounds):
        for name, service in variants.items():
            found[name].append(bench.loads(service, request))
    return {
        name: max(loads, key=lambda one: one.answers.throughput) for name, loads in found.items()
    }


def closed(one: Load) -> list[str]:
    """Return the cells that tell what clients saw who wait for their answers."""
    times = [figure(one.latency(share)) for share in (0.5, 0.99)]
    return [figure(one.answers.throughput), *times]


def workers(bench: Bench) -> Table:
    """Compare one worker with two, both of which may use both cores."""
    variants = {
        str(number): bench.contestant(f"workers-{number}", {"workers": number}, both=True)
        for number in (1, 2)
    }
    rows = [
        [
            name,
            *closed(one),
            *one.per_request(),
            figure(one.memory),
            figure(one.memory / int(name)),
            figure(one.probe.connections),
        ]
        for name, one in in_turns(bench, variants, mix()).items()
    ]
    header = (
        "workers|served/s|p50 ms|p99 ms|CPU µs a request|of PostgreSQL|MiB|MiB a worker|connections"
    )
    return Table(header.split("|"), rows)


def pooler(bench: Bench, folder: Path) -> Table:
    """Compare connections to PostgreSQL with connections through PgBouncer."""
    parts = urlsplit(bench.url)
    socket = quote(str(bench.project.folder / ".postgres"), safe="")
    behind = f"postgresql://{parts.username}@{parts.path}?host={socket}&port={parts.port}"
    with contextlib.ExitStack() as stack:
        variants = {"none": bench.contestant("direct", {})}
        for size in bench.sizes.pooler:
            through = stack.enter_context(pooled(behind, folder, pool_size=size))
            given = {"database_url": through, "transaction_pooling": True}
            variants[f"PgBouncer, {size}"] = bench.contestant(f"pooled-{size}", given)
        rows = [
            [name, *closed(one), *one.per_request(), figure(one.probe.connections)]
            for name, one in in_turns(bench, variants, mix()).items()
        ]
    header = (
        "pooler|served/s|p50 ms|p99 ms|CPU µs a request|of PostgreSQL|connections to PostgreSQL"
    )
    return Table(header.split("|"), rows)


def pools(bench: Bench) -> dict[str, Table]:
    """Compare sizes of the pool, with statements that are fast and with statements that wait."""
    variants = {
        str(size): bench.contestant(f"pool-{size}", {"pool_size": size, "pool_overflow": 0})
        for size in bench.sizes.pools
    }
    fast = in_turns(bench, variants, by_id())
    bench.query(SLOWER)
    slow = {name: bench.loads(one, by_id(), bench.sizes.slow) for name, one in variants.items()}
    bench.query(FAST)
    header = ["connections", "served/s", "p50 ms", "p99 ms", "503"]

    def cells(one: Load) -> list[str]:
        return [*closed(one), percent(one.answers.share(503))]

    return {
        "pool-fast": Table(header, [[name, *cells(one)] for name, one in fast.items()]),
        "pool-slow": Table(
            [header[0], "model: served/s", *header[1:]],
            [[name, figure(int(name) / SLOW), *cells(one)] for name, one in slow.items()],
        ),
    }


@contextlib.contextmanager
def set_up_bench(folder: Path, sizes: Sizes) -> Iterator[Bench]:
    """Render and migrate the service; yield it with a PostgreSQL that has rows."""
    rendered = render(
        copy_of_working_tree(folder / "template"), folder / "orders", {"database": "postgresql"}
    )
    with set_up(rendered, "postgresql") as project, listening(project, OTHER_CORE) as url:
        bench = Bench(project, url, sizes)
        bench.query(SEEDS["postgresql"])
        yield bench


def measure(folder: Path, *, quick: bool) -> Report:
    """Measure all of it; this process and what it starts, but for the service, have one core."""
    sizes = QUICK if quick else FULL
    try:
        program("pgbouncer", package="pgbouncer")
    except (pytest.skip.Exception, pytest.fail.Exception) as error:
        raise NotMeasuredError(str(error)) from None
    # Clients that nobody answers are many.
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    with set_up_bench(folder, sizes) as bench:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {OTHER_CORE})
        try:
            most, found = rates(bench)
            tables = {"latency": latency(most, found), "workers": workers(bench)}
            tables |= {"pooler": pooler(bench, folder), **pools(bench)}
        finally:
            os.sched_setaffinity(0, before)
        known = versions(bench.project.folder / ".venv/bin/python", *PACKAGES)
    note = f"One worker serves at most {figure(most)} requests a second here."
    return Report(
        tables, {"most": note}, {"latency": lambda axes: plot(axes, most, found)}, versions=known
    )
