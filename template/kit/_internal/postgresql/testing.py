"""Throwaway databases for tests, on a server with its data in a temporary folder."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from kit._internal.postgresql.server import start_server
from kit._internal.postgresql.url import libpq, list_servers, parse_any_url

# Nothing listens on this port.
UNUSED_URL = "postgresql://127.0.0.1:1/unused"
# Test data need not survive a crash.
WITHOUT_DURABILITY = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET synchronous_commit = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "SELECT pg_reload_conf()",
)


@contextmanager
def run_server() -> Iterator[URL]:
    """Run a server with its data in a temporary folder; yield the URL of a database on it."""
    folder = Path(tempfile.mkdtemp(prefix="tests-")).resolve()
    server = start_server(folder, cleanup_mode="delete")
    try:
        url = make_url(server.get_uri())
        with connect(url) as connection:
            for statement in WITHOUT_DURABILITY:
                connection.execute(statement)
        yield url
    finally:
        server.cleanup()


@contextmanager
def create_database(beside: URL, template: URL | None = None) -> Iterator[URL]:
    """Create a database on the same server, empty or copied; yield its URL."""
    url = beside.set(database=f"test_{token_hex(8)}")
    name = sql.Identifier(str(url.database))
    source = sql.Identifier("template1")
    if template is not None:
        source = sql.Identifier(str(template.database))
    try:
        with connect(beside) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, source))
        yield url
    finally:
        with connect(beside) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def connect(url: URL) -> psycopg.Connection:
    return psycopg.connect(libpq(url), autocommit=True)


def locate(url: str) -> set[tuple[object, ...]]:
    """Return keys of a database: URLs of the same database share a key."""
    parsed = parse_any_url(url)
    return {
        (str(host or "").lower().rstrip("."), port or 5432, parsed.database)
        for host, port in list_servers(parsed)
    }
