"""The metrics of databases: their connection pools, whether they answer, and their revisions."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from kit._internal.telemetry.prometheus.counting_pool import CountingPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kit._internal.health.readiness import Heads, ReadinessCheck
    from kit.db import Database

logger = logging.getLogger(__name__)

# Seconds between two queries of the revisions.
INTERVAL = 15
# Longest wait, in seconds, for a cancelled query at shutdown.
CANCEL_TIMEOUT = 1
# The label of a database without a revision: an empty label would be no label.
NO_REVISION = "none"


class Revisions(NamedTuple):
    """The current revisions of a database, and those that the code needs."""

    applied: set[str]
    expected: set[str]


class MonitoredDatabase:
    """An open database, and what its last query returned."""

    def __init__(self, check: ReadinessCheck, database: Database) -> None:
        self.name = check.source.name
        self.readiness = check
        self.database = database
        self.query: asyncio.Task[Heads] | None = None
        # Unknown until the first query.
        self.is_up: bool | None = None
        # None while the database does not answer, and if the code has no revisions for it.
        self.revisions: Revisions | None = None

    async def check(self) -> None:
        """Query the database, unless the last query has not ended."""
        if self.query is None or self.query.done():
            self.query = self.readiness.start_query(self.database)
            self.query.add_done_callback(ignore_error)
        # The query is not awaited: a driver may be unable to cancel what its thread waits for.
        await asyncio.wait({self.query}, timeout=self.readiness.settings.ready_timeout)
        if not self.query.done():
            self.query.cancel()
            self.is_up, self.revisions = False, None
        elif self.query.cancelled() or self.query.exception() is not None:
            self.is_up, self.revisions = False, None
        else:
            self.is_up = True
            self.compare(self.query.result())

    def compare(self, heads: Heads) -> None:
        """Remember the revisions of the database and of the code."""
        self.revisions = None
        expected = self.readiness.expected_heads(heads)
        if expected is not None:
            self.revisions = Revisions(set(heads), expected)


async def monitor(databases: Sequence[MonitoredDatabase]) -> None:
    """Query the databases, one after another, until the task is cancelled."""
    try:
        while True:
            for database in databases:
                try:
                    await database.check()
                except Exception:
                    logger.exception("the revisions of %s cannot be compared", database.name)
            await asyncio.sleep(INTERVAL)
    finally:
        await cancel_queries(databases)


async def cancel_queries(databases: Sequence[MonitoredDatabase]) -> None:
    """Cancel queries that run, so that they do not delay closing the databases."""
    queries = [database.query for database in databases if database.query is not None]
    for query in queries:
        query.cancel()
    if queries:
        await asyncio.wait(queries, timeout=CANCEL_TIMEOUT)


def ignore_error(query: asyncio.Task[Heads]) -> None:
    """Keep asyncio from logging an error that comes after the timeout."""
    if not query.cancelled():
        query.exception()


class RevisionCollector:
    """Collects whether databases answer, and their revisions."""

    def __init__(self, databases: Sequence[MonitoredDatabase]) -> None:
        self.databases = databases

    def collect(self) -> Iterator[Metric]:
        up = gauge("database_up", "Whether the database answered the last query, in time.")
        at_head = gauge(
            "database_at_head", "Whether the database is at the revisions that the code needs."
        )
        info = gauge(
            "database_revision_info",
            "The current revisions of the database, and those that the code needs.",
            "applied",
            "expected",
        )
        for database in self.databases:
            is_up, revisions = database.is_up, database.revisions
            if is_up is not None:
                up.add_metric([database.name], is_up)
            if revisions is not None:
                at_head.add_metric([database.name], revisions.applied == revisions.expected)
                labels = [label_of(revisions.applied), label_of(revisions.expected)]
                info.add_metric([database.name, *labels], 1)
        yield from (up, at_head, info)


class PoolCollector:
    """Collects the connections of pools; a pool of another class has none of these metrics."""

    def __init__(self, databases: Sequence[MonitoredDatabase]) -> None:
        self.databases = databases

    def collect(self) -> Iterator[Metric]:
        limit = gauge("database_pool_max_connections", "Connections that the pool may open.")
        connections = gauge("database_pool_connections", "Connections of the pool.", "state")
        waits = counter("database_pool_waits", "Checkouts that waited for a connection.")
        seconds = counter("database_pool_wait_seconds", "Time that checkouts waited.")
        timeouts = counter("database_pool_timeouts", "Checkouts that timed out.")
        for database in self.databases:
            name, pool = database.name, database.database.read_engine.pool
            if isinstance(pool, CountingPool):
                limit.add_metric([name], pool.max_connections)
                connections.add_metric([name, "used"], pool.checkedout())
                connections.add_metric([name, "idle"], pool.checkedin())
                waits.add_metric([name], pool.counts.waits)
                seconds.add_metric([name], pool.counts.wait_seconds)
                timeouts.add_metric([name], pool.counts.timeouts)
        yield from (limit, connections, waits, seconds, timeouts)


def gauge(name: str, documentation: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, labels=["database", *labels])


def counter(name: str, documentation: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, documentation, labels=["database"])


def label_of(revisions: set[str]) -> str:
    return ", ".join(sorted(revisions)) or NO_REVISION
