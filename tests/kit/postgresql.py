"""What is particular to PostgreSQL: how a database can be out of reach, and its URLs."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.postgresql_urls import BAD_URLS, GOOD_URLS, SAME_DATABASE, SECRET, URLS

__all__ = ["BAD_URLS", "GOOD_URLS", "SAME_DATABASE", "SECRET", "URLS"]


@contextmanager
def refusing(_folder: Path) -> Iterator[str]:
    """Yield the address of a port where no server listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"postgresql://me:{SECRET}@127.0.0.1:{taken.getsockname()[1]}/orders"


@contextmanager
def silent(_folder: Path) -> Iterator[str]:
    """Yield the URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql://me:{SECRET}@127.0.0.1:{server.getsockname()[1]}/orders"


OUTAGES = [refusing, silent]
