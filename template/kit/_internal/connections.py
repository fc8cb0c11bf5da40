"""Limits the client connections of a process: closes idle ones when a new one arrives."""

import logging
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sized
from typing import Protocol

logger = logging.getLogger(__name__)

# The limit if the system does not limit open files: a connection uses about 20 kB of memory.
MAX_CONNECTIONS = 10_000
# Open files other than connections of clients and of the database: code, logs, pipes.
OTHER_FILES = 64
# Connections that the system accepts while the process is busy; afterwards it takes all of them.
MAX_BACKLOG = 2_048
# Seconds between two warnings that the limit is reached.
WARNING_INTERVAL = 60.0


class Connection(ABC):
    """A connection that can be closed while it waits for its client."""

    @abstractmethod
    def waits_for_client(self) -> bool:
        """Return whether the connection has no complete request to answer."""

    @abstractmethod
    def waiting_since(self) -> float:
        """Return since when it waits, by the clock of the event loop; 0 if it does not wait."""

    @abstractmethod
    def evict(self) -> None:
        """Close the connection now and remove it from the set of connections."""


class Connections(Iterable[object], Sized, Protocol):
    """The set of uvicorn's connections; WebSockets in it are not a Connection."""


class ConnectionLimit:
    """Closes the connections that have waited longest for their clients when a new one arrives.

    So slow clients, however many, do not block others. If all connections have a request to answer,
    none is closed, and requests on new connections are refused.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.last_warning = -WARNING_INTERVAL

    def make_room(self, connections: Connections) -> None:
        """If the limit is reached, close some connections that wait for their clients."""
        if len(connections) < self.limit:
            return
        now = time.monotonic()
        if now - self.last_warning >= WARNING_INTERVAL:
            self.last_warning = now
            logger.warning(
                "the limit of %d connections is reached: closing those that wait for their clients",
                self.limit,
            )
        waiting = [
            item for item in connections if isinstance(item, Connection) and item.waits_for_client()
        ]
        waiting.sort(key=lambda item: item.waiting_since())
        # More than one, as searching all connections costs more than closing some.
        for connection in waiting[: 1 + self.limit // 20]:
            connection.evict()


def open_files_limit() -> int | None:
    """Return how many files this process may open; None if there is no limit."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415

    soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft_limit == resource.RLIM_INFINITY:
        return None
    return soft_limit


def listen_backlog() -> int:
    """Return how many connections the system may accept before the process takes them."""
    files = open_files_limit() or MAX_CONNECTIONS
    return min(MAX_BACKLOG, files // 4)


def client_limit(setting: int | None, database_connections: int) -> int:
    """Return the limit of connections: the setting, or less if the limit of files is lower."""
    limit = MAX_CONNECTIONS
    files = open_files_limit()
    if files is not None:
        limit = min(limit, files - listen_backlog() - OTHER_FILES - database_connections)
    if setting is not None:
        limit = min(limit, setting)
    return max(1, limit)
