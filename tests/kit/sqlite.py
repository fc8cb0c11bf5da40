"""What is particular to SQLite: how a database can be out of reach, and its URLs."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from hypothesis import strategies as st
from sqlalchemy import URL

from kit.project import PROJECT_DIR

SECRET = "s3cr3t"


@contextmanager
def refusing(folder: Path) -> Iterator[str]:
    """Yield the address of something that is no file."""
    yield f"sqlite:///{folder}"


@contextmanager
def silent(folder: Path) -> Iterator[str]:
    """Yield the address of a file that another process keeps for itself."""
    file = folder / "locked.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        yield f"sqlite:///{file}"


OUTAGES = [refusing, silent]

SAME_DATABASE = ("sqlite:///orders.db", f"sqlite:///{PROJECT_DIR}/app/../orders.db")

MEMORY = URL.create("sqlite")
GOOD_URLS = {
    "sqlite:///orders.db": MEMORY.set(database=f"{PROJECT_DIR}/orders.db"),
    "sqlite:///app/orders.db": MEMORY.set(database=f"{PROJECT_DIR}/app/orders.db"),
    "sqlite:////tmp/orders.db": MEMORY.set(database="/tmp/orders.db"),
    "sqlite:////tmp/50%25%20%23%3F.db": MEMORY.set(database="/tmp/50% #?.db"),
    "sqlite+aiosqlite:////tmp/orders.db": MEMORY.set(database="/tmp/orders.db"),
    " sqlite:////tmp/orders.db\n": MEMORY.set(database="/tmp/orders.db"),
    "sqlite://": MEMORY,
    "sqlite:///:memory:": MEMORY,
}

EXAMPLE = "sqlite:///file.db"
HOST = f"names a host; a file has three slashes ({EXAMPLE}), four for an absolute path"
BAD_URLS = {
    "orders.db": f"expected format: {EXAMPLE}",
    f"mysql://me:{SECRET}@db/orders": f"expected format: {EXAMPLE}, not mysql://...",
    f"me:{SECRET}://db/orders": f"expected format: {EXAMPLE}",
    f"sqlite://me:{SECRET}@host:x/orders": f"cannot be read; expected format: {EXAMPLE}",
    f"sqlite://me:{SECRET}@host/orders.db": HOST,
    "sqlite://orders.db": HOST,
    "sqlite:///orders.db?mode=ro": "has parameters, of which SQLite takes none here: mode",
    "sqlite:////no/such/orders.db": "names a file in a folder that does not exist: /no/such",
}

# Neither a URL nor a file system can carry these in a name.
name = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1)
URLS = name.filter(lambda name: name not in {".", "..", ":memory:"}).map(
    lambda name: (
        f"sqlite:///{quote(name, '')}",
        MEMORY.set(database=str(PROJECT_DIR / name)),
    )
)
