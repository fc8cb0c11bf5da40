"""How many connections a process keeps open, and which it closes to make room for new ones."""

import logging
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sized
from typing import Protocol

logger = logging.getLogger(__name__)

# Where the system has no limit, memory has: some 20 kB a connection.
MOST = 10_000
# Files that are no connections of clients: code, logs, pipes; the database's come on top.
OTHER_FILES = 64
# Connections that the system accepts while the process is busy; they come all at once.
BACKLOG = 2_048
# Seconds between two reports of the same.
REPORT_INTERVAL = 60.0


class Connection(ABC):
    @abstractmethod
    def waits_for_client(self) -> bool:
        """Return whether it has no complete request to answer."""

    @abstractmethod
    def waiting_since(self) -> float:
        """Return since when its client has been sending, by the clock of the event loop; or 0."""

    @abstractmethod
    def evict(self) -> None:
        """Close it now, and leave the set of connections."""


class Connections(Iterable[object], Sized, Protocol):
    """Those of uvicorn, WebSockets included."""


class ConnectionLimit:
    """Makes room for a new connection by closing those that have waited longest for their clients.

    So any number of slow clients takes nothing from the others. Where all connections have a
    request to answer, nothing is closed, and requests of further ones are refused.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.reported = -REPORT_INTERVAL

    def make_room(self, connections: Connections) -> None:
        if len(connections) < self.limit:
            return
        now = time.monotonic()
        if now - self.reported >= REPORT_INTERVAL:
            self.reported = now
            logger.warning(
                "the limit of %d connections is reached: closing those that wait for their clients",
                self.limit,
            )
        waiting = [
            item for item in connections if isinstance(item, Connection) and item.waits_for_client()
        ]
        waiting.sort(key=lambda item: item.waiting_since())
        # Some more than needed: looking at all of them costs more than closing.
        for connection in waiting[: 1 + self.limit // 20]:
            connection.evict()


def open_files_limit() -> int | None:
    """Return how many files this process may have open, if that is limited."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def listen_backlog() -> int:
    return min(BACKLOG, (open_files_limit() or MOST) // 4)


def client_limit(wanted: int | None, database_connections: int) -> int:
    """Return how many connections fit below the limit of open files, at most as many as wanted."""
    files = open_files_limit()
    fitting = MOST
    if files is not None:
        fitting = min(MOST, files - listen_backlog() - OTHER_FILES - database_connections)
    return max(1, min(fitting, wanted or fitting))
