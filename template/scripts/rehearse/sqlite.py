"""Rehearses revisions on SQLite, on a copy of the schema in a temporary file.

A migration is one transaction, and no other process may write from its first statement to its end;
reading is possible. So a statement blocks if it copies or reads a table that existed before.
"""

import sqlite3
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from scripts.project import load_settings
from scripts.rehearse.pending import UNKNOWN, backfills_of, pending_after, waits_of
from scripts.rehearse.report import Report, Revision
from scripts.rehearse.request import DATABASE, Request, refuse
from scripts.rehearse.running import (
    heads_of_dump,
    migrate_to_base,
    run_revision,
    settings_for,
    stamp,
)
from scripts.rehearse.sqlite_observer import StatementObserver
from scripts.revisions import read_database, script_directory
from kit._internal.sqlite.errors import ERRORS
from kit._internal.sqlite.migrations import connect
from kit._internal.sqlite.testing import create_database, run_server

SCHEMA = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"


def rehearse(request: Request, base: str) -> Report:
    """Run the pending revisions on a copy; return what each statement did."""
    if request.rows or request.load or request.stats:
        refuse("rows=, load= and stats= have no meaning for SQLite: every migration stops writes")
    report = Report(base=base)
    with run_server() as server, create_database(server) as url:
        report.copy, heads = fill_copy(url, request, base)
        run_all(url, heads, report)
    return report


def fill_copy(url: URL, request: Request, base: str) -> tuple[str, tuple[str, ...]]:
    """Create the tables in an empty database; return what was copied, and its revisions."""
    if not request.source:
        with connect(settings_for(url)) as connection:
            return base or "an empty database", migrate_to_base(connection, base)
    if request.source == DATABASE:
        source = load_settings().migration_url
        heads = tuple(sorted(read_database(script_directory())[0]))
        execute(url, read_schema(source))
        with connect(settings_for(url)) as connection:
            stamp(connection, heads)
        return repr(source), heads
    execute(url, Path(request.source).read_text("utf-8"))
    with connect(settings_for(url)) as connection:
        return request.source, heads_of_dump(connection, base)


def read_schema(source: URL) -> str:
    """Return the SQL of the tables of a database."""
    address = f"{Path(str(source.database)).resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True)
    try:
        return ";\n".join(row[0] for row in connection.execute(SCHEMA))
    finally:
        connection.close()


def execute(url: URL, script: str) -> None:
    """Run SQL; exit with status 2 if it fails."""
    connection = sqlite3.connect(str(url.database))
    try:
        connection.executescript(script)
    except sqlite3.Error as error:
        refuse(f"the dump cannot be restored: {error}")
    finally:
        connection.close()


def run_all(url: URL, heads: tuple[str, ...], report: Report) -> None:
    """Run the revisions one after another, until one fails."""
    with connect(settings_for(url)) as connection:
        observer = StatementObserver(connection)
        for script in pending_after(heads):
            revision = Revision(script.revision, script.doc, waits_of(script))
            report.revisions.append(revision)
            for table, change, where in backfills_of(script):
                # The copy has no rows, unless a revision of this branch inserts some.
                if UNKNOWN not in change:
                    execute(url, f"UPDATE {table} SET {change} WHERE {where}")  # noqa: S608
            try:
                run_revision(connection, script, observer)
            except DBAPIError as error:
                revision.error = ERRORS.describe(error)
            except CommandError as error:
                revision.error = str(error)
            except Exception as error:  # noqa: BLE001
                # The code of a revision may raise anything.
                revision.error = f"{type(error).__name__}: {error}"
            revision.statements = observer.statements
            if revision.error:
                return
