"""Databases to rehearse on: those of the base branch's revisions, of a database, or of a dump."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from scripts.project import load_settings
from scripts.rehearse.request import DATABASE, Request, refuse
from scripts.rehearse.running import heads_of_dump, migrate_to_base, settings_for, stamp
from scripts.revisions import read_database, script_directory
from kit._internal.postgresql.migrations import connect
from kit._internal.postgresql.server import BIN
from kit._internal.postgresql.testing import run_server
from kit._internal.postgresql.url import libpq, parse_any_url

HEADER_OF_ARCHIVES = b"PGDMP"
# Owners and privileges that a dump names need not exist here.
HARMLESS = ('role "',)


@contextmanager
def find_server() -> Iterator[URL]:
    """Yield a URL of the server for tests: that of TEST_DATABASE_URL, or one of its own."""
    address = os.environ.get("TEST_DATABASE_URL")
    if not address:
        with run_server() as server:
            yield server
        return
    try:
        server = parse_any_url(address)
    except ValueError as error:
        refuse(f"TEST_DATABASE_URL: {error}")
    yield server


def fill_copy(url: URL, request: Request, base: str) -> tuple[str, tuple[str, ...]]:
    """Create the tables in an empty database; return what was copied, and its revisions."""
    if not request.source:
        with connect(settings_for(url)) as connection:
            return base or "an empty database", migrate_to_base(connection, base)
    if request.source == DATABASE:
        settings = load_settings()
        heads = tuple(sorted(read_database(script_directory())[0]))
        restore(url, dump_schema(settings.migration_url))
        with connect(settings_for(url)) as connection:
            stamp(connection, heads)
        return repr(settings.migration_url), heads
    content = Path(request.source).read_bytes()
    if content.startswith(HEADER_OF_ARCHIVES):
        refuse(f"{request.source} is an archive: write SQL with pg_dump --schema-only")
    restore(url, content)
    with connect(settings_for(url)) as connection:
        return request.source, heads_of_dump(connection, base)


def dump_schema(url: URL) -> bytes:
    """Return the SQL of the tables of a database, without rows, owners and privileges."""
    options = ["--schema-only", "--no-owner", "--no-privileges"]
    command = [program("pg_dump"), *options, libpq(url._replace(password=None))]
    done = subprocess.run(command, env=environment_of(url), capture_output=True, check=False)
    if done.returncode:
        refuse(f"pg_dump failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def restore(url: URL, dump: bytes) -> None:
    """Run a dump; exit with status 2 for an error that is not about a missing role."""
    command = [program("psql"), "-X", "--quiet", libpq(url._replace(password=None))]
    done = subprocess.run(
        command, env=environment_of(url), input=dump, capture_output=True, check=False
    )
    for line in done.stderr.decode(errors="replace").splitlines():
        if "ERROR:" in line and not any(text in line for text in HARMLESS):
            refuse(f"the dump cannot be restored: {line.strip()}")


def program(name: str) -> str:
    """Return the path of a program: that of the package, otherwise the system's."""
    path = shutil.which(name, path=str(BIN)) or shutil.which(name)
    if path is None:
        refuse(f"{name} is not installed: install the client programs of PostgreSQL")
    return path


def environment_of(url: URL) -> dict[str, str]:
    """Return an environment with the password, which every user could read as an argument."""
    environment = dict(os.environ)
    if url.password:
        environment["PGPASSWORD"] = url.password
    return environment
