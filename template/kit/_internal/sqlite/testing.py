"""Throwaway databases for tests: files in a temporary folder."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from sqlalchemy import URL

from kit._internal.sqlite.files import delete
from kit._internal.sqlite.url import parse_any_url

# A database in memory, which is empty.
UNUSED_URL = "sqlite://"


@contextmanager
def run_server() -> Iterator[URL]:
    """Yield the URL of a file in a temporary folder: SQLite has no server."""
    with TemporaryDirectory(prefix="tests-") as folder:
        yield URL.create("sqlite", database=f"{folder}/tests.db")


@contextmanager
def create_database(beside: URL, template: URL | None = None) -> Iterator[URL]:
    """Create a database in the same folder, empty or copied; yield its URL."""
    file = Path(str(beside.database)).with_name(f"test_{token_hex(8)}.db")
    try:
        if template:
            shutil.copyfile(str(template.database), file)
        yield beside.set(database=str(file))
    finally:
        delete(file)


def locate(url: str) -> set[tuple[object, ...]]:
    """Return keys of a database: URLs of the same database share a key."""
    file = parse_any_url(url).database
    if file is None:
        raise ValueError("names memory, where no other database can be put")
    return {(Path(file).resolve(),)}
