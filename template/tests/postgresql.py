"""What is particular to PostgreSQL: throwaway databases, and what DATABASE_URL may look like."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote

import psycopg
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy import URL, make_url

from scripts.postgresql import libpq, start_server

# Nothing here is worth the wait for the disk.
WITHOUT_DURABILITY = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET synchronous_commit = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "SELECT pg_reload_conf()",
)
SECRET = "s3cr3t"


@contextmanager
def run_server() -> Iterator[URL]:
    """Run a server with its data in a temporary folder; yield the address of a database of it."""
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
    """Yield a new database on the same server: empty, or a copy of one that nobody uses."""
    url = beside.set(database=f"test_{token_hex(8)}")
    name = sql.Identifier(str(url.database))
    source = sql.Identifier(str(template.database) if template else "template1")
    try:
        with connect(beside) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, source))
        yield url
    finally:
        with connect(beside) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def connect(url: URL) -> psycopg.Connection:
    return psycopg.connect(libpq(url), autocommit=True)


def place(url: URL) -> tuple[object, ...]:
    """Return what two addresses of one database have in common, whoever connects and however."""
    host = url.host or url.query.get("host") or ""
    return str(host).lower(), url.port or 5432, url.database


@contextmanager
def refusing(_folder: Path) -> Iterator[str]:
    """Yield the address of a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"postgresql://me:{SECRET}@127.0.0.1:{taken.getsockname()[1]}/orders"


@contextmanager
def silent(_folder: Path) -> Iterator[str]:
    """Yield the address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql://me:{SECRET}@127.0.0.1:{server.getsockname()[1]}/orders"


OUTAGES = [refusing, silent]

SAME_DATABASE = (
    "postgresql://me:x@db/orders?sslmode=require",
    "postgres://other@DB:5432/orders",
    "postgresql:///orders?host=db",
)

GOOD = URL.create("postgresql", "me", SECRET, "db", database="orders")
SOCKET = URL.create("postgresql", database="orders")
REQUIRED = GOOD.set(query={"sslmode": "require"})
GOOD_URLS = {
    f"postgres://me:{SECRET}@db/orders": GOOD,
    f"postgresql://me:{SECRET}@db/orders": GOOD,
    f"postgresql+asyncpg://me:{SECRET}@db:6543/orders": GOOD.set(port=6543),
    f"postgresql+psycopg://me:{SECRET}@db/orders": GOOD,
    f" postgresql://me:{SECRET}@db/orders\n": GOOD,
    f"postgresql://db/orders?user=me&password={SECRET}": GOOD,
    "postgresql://me@db/orders": GOOD._replace(password=None),
    "postgresql://me:p%25a%40s%3As%2Fw%3Frd%23@db/orders": GOOD.set(password="p%a@s:s/w?rd#"),
    f"postgresql://m%40e:{SECRET}@db/orders": GOOD.set(username="m@e"),
    f"postgresql://me:{SECRET}@db/my%20orders": GOOD.set(database="my orders"),
    f"postgresql://me:{SECRET}@[2001:db8::1]:5433/orders": GOOD.set(host="2001:db8::1", port=5433),
    f"postgresql://me:{SECRET}@db/orders?sslmode=require": REQUIRED,
    f"postgresql://me:{SECRET}@db/orders?ssl=verify-full": REQUIRED.set(
        query={"sslmode": "verify-full"}
    ),
    f"postgresql://me:{SECRET}@db/orders?ssl=true": REQUIRED,
    "postgresql:///orders?host=/run/postgresql": SOCKET.set(query={"host": "/run/postgresql"}),
    "postgresql://%2Frun%2Fpostgresql/orders": SOCKET.set(host="/run/postgresql"),
}

EXAMPLE = "postgresql://user:password@host:5432/database"
UNREADABLE = (
    f"cannot be read: it has to look like {EXAMPLE}, with special characters in user and password"
    " percent-encoded (%40 for @, %2F for /, %25 for %)"
)
BAD_URLS = {
    SECRET: f"has to look like {EXAMPLE}",
    f"mysql://me:{SECRET}@db/orders": f"has to look like {EXAMPLE}, not mysql://...",
    f"me:{SECRET}://db/orders": f"has to look like {EXAMPLE}",
    f"postgresql://me:{SECRET}@db:port/orders": UNREADABLE,
    f"postgresql://me:{SECRET}@{SECRET}@db/orders": UNREADABLE,
    f"postgresql://me:{SECRET}@db/orders?port=x": "has a port that is not a number",
    f"postgresql://me:{SECRET}@db/orders?sslmode=on": (
        "has an sslmode that is none of disable, allow, prefer, require, verify-ca, verify-full"
    ),
    f"postgresql://me:{SECRET}@db/orders?sslmode=verify-full&sslrootcert=system": (
        "has sslrootcert=system: name the file of the certificates instead"
    ),
    f"postgresql://me:{SECRET}@db/orders?charset=utf8&autosave=x": (
        "has parameters that PostgreSQL does not know: autosave, charset"
    ),
}

# Neither a URL nor PostgreSQL can carry these in a name.
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
URLS = st.builds(
    lambda user, password, database: (
        f"postgresql://{quote(user, '')}:{quote(password, '')}@db/{quote(database, '')}",
        GOOD.set(username=user, password=password, database=database),
    ),
    text,
    text,
    text,
)
