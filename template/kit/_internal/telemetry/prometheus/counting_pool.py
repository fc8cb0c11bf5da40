"""A connection pool that counts checkouts that wait, how long, and how many of them time out.

SQLAlchemy has no event for the beginning of a wait. This overrides `Pool.connect()` and
`Pool.recreate()`, which are documented, though not as methods to override, and reads
`checkedout()` of QueuePool, which is not documented.

- The public equivalent: none; the pool logs a message at DEBUG after a checkout.
- The gain: waits are visible before they become timeouts.
- Checked with SQLAlchemy 2.1. tests/telemetry/test_prometheus_databases.py fails when they change.
"""

import logging
import math
import time
from typing import Any, Self, cast

from sqlalchemy import exc
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection


class PoolCounts:
    """What happened at the checkouts of a pool."""

    def __init__(self) -> None:
        self.waits = 0
        self.wait_seconds = 0.0
        self.timeouts = 0


class CountingPool(AsyncAdaptedQueuePool):
    """The default pool, with counts.

    A checkout waits if all connections are in use and no more may be opened.
    """

    def __init__(
        self,
        creator: Any,  # noqa: ANN401
        pool_size: int = 5,
        max_overflow: int = 10,
        **options: Any,  # noqa: ANN401
    ) -> None:
        # As SQLAlchemy does for its own pools, whose loggers have the names of their modules.
        logging.getLogger(__name__).setLevel(logging.WARNING)
        super().__init__(creator, pool_size, max_overflow, **options)
        self.counts = PoolCounts()
        self.max_connections: float = pool_size + max_overflow
        # SQLAlchemy's values for no limit.
        if pool_size == 0 or max_overflow == -1:
            self.max_connections = math.inf

    def connect(self) -> PoolProxiedConnection:
        """Return a connection; count it if it has to wait for another to be returned."""
        if self.checkedout() < self.max_connections:
            return super().connect()
        self.counts.waits += 1
        start = time.perf_counter()
        try:
            return super().connect()
        except exc.TimeoutError:
            self.counts.timeouts += 1
            raise
        finally:
            self.counts.wait_seconds += time.perf_counter() - start

    def recreate(self) -> Self:
        """Return the pool that replaces this one: counters must not decrease."""
        pool = cast("Self", super().recreate())
        pool.counts = self.counts
        return pool
