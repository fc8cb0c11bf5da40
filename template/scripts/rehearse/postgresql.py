"""Rehearses revisions on PostgreSQL, on a copy of the schema that is deleted afterwards."""

from collections.abc import Callable, Sequence

import psycopg
from alembic.script import Script
from alembic.util import CommandError
from psycopg.errors import LockNotAvailable
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from scripts.rehearse.pending import UNKNOWN, backfills_of, pending_after, waits_of
from scripts.rehearse.postgresql_copies import fill_copy, find_server
from scripts.rehearse.postgresql_load import Load, running_load
from scripts.rehearse.postgresql_observer import StatementObserver
from scripts.rehearse.postgresql_rows import fill_column, fill_tables
from scripts.rehearse.postgresql_sizes import add_estimates, read_sizes
from scripts.rehearse.report import Report, Revision
from scripts.rehearse.request import Request, refuse
from scripts.rehearse.running import run_revision, settings_for
from kit._internal.postgresql.errors import ERRORS
from kit._internal.postgresql.migrations import connect
from kit._internal.postgresql.statement_limits import StatementLimits
from kit._internal.postgresql.testing import create_database
from kit._internal.postgresql.url import libpq

# How often a revision is tried that cannot lock a table in time, as migrations do.
ATTEMPTS = 5


def rehearse(request: Request, base: str) -> Report:
    """Run the pending revisions on a copy; return what each statement did."""
    report = Report(base=base)
    sizes = {}
    if request.stats:
        sizes = read_sizes(request.stats)
    try:
        with find_server() as server, create_database(server) as template:
            rehearse_on(server, template, request, report)
    except psycopg.OperationalError as error:
        refuse(f"the server of the copy does not answer: {str(error).partition(chr(10))[0]}")
    add_estimates(report, sizes)
    return report


def rehearse_on(server: URL, template: URL, request: Request, report: Report) -> None:
    """Create the copy in an empty database, run the revisions, and again under load."""
    report.longest_wait = settings_for(template).migration_lock_timeout
    report.copy, heads = fill_copy(template, request, report.base)
    pending = pending_after(heads)
    if not pending:
        return
    filled = fill_tables(template, request.rows)
    report.rows, report.notes = filled.rows, filled.notes
    with create_database(server, template) as url:
        run_all(url, pending, report.revisions)
    if not request.load:
        return
    tables = sorted(locked_tables(report.revisions))
    with create_database(server, template) as url, running_load(url, tables) as load:
        loaded: list[Revision] = []
        run_all(url, pending, loaded, load)
    for revision, under_load in zip(report.revisions, loaded, strict=False):
        revision.wait = under_load.wait
        if under_load.error and not revision.error:
            revision.error = f"under load: {under_load.error}"


def locked_tables(revisions: Sequence[Revision]) -> set[str]:
    """Return the tables that existed before, and that a statement locks."""
    tables: set[str] = set()
    for revision in revisions:
        for statement in revision.statements:
            tables.update(lock.table for lock in statement.locks)
    return tables


def run_all(
    url: URL, pending: Sequence[Script], revisions: list[Revision], load: Load | None = None
) -> None:
    """Run the revisions one after another, and append what they did, until one fails."""
    settings = settings_for(url)
    with connect(settings) as connection:
        StatementLimits(connection, settings).install()
        observer = StatementObserver(connection, url)
        observer.is_watching = load is None
        for script in pending:
            revision = Revision(script.revision, script.doc, waits_of(script))
            revisions.append(revision)
            backfill(url, script)
            if load is not None:
                load.restart()
            revision.error = retry(
                lambda: run_revision(connection, script, observer),  # noqa: B023
                connection.rollback,
            )
            revision.statements = observer.statements
            if load is not None:
                revision.wait = load.longest
            if revision.error:
                return


def retry(run: Callable[[], object], roll_back: Callable[[], None]) -> str:
    """Run a revision, again if it cannot lock a table in time; return why it failed, or ''."""
    error = ""
    for _ in range(ATTEMPTS):
        try:
            run()
        except DBAPIError as failure:
            roll_back()
            error = ERRORS.describe(failure)
            if not isinstance(failure.orig, LockNotAvailable):
                return error
        except CommandError as failure:
            roll_back()
            return str(failure)
        except Exception as failure:  # noqa: BLE001
            # The code of a revision may raise anything.
            roll_back()
            return f"{type(failure).__name__}: {failure}"
        else:
            return ""
    return error


def backfill(url: URL, script: Script) -> None:
    """Do what a revision waits for on the copy, with made-up values where none are known."""
    for table, change, where in backfills_of(script):
        with psycopg.connect(libpq(url), autocommit=True) as connection:
            column, _, value = change.partition("=")
            if value.strip() == UNKNOWN:
                fill_column(connection, table, column.strip(' "'), where)
            else:
                connection.execute(f"UPDATE {table} SET {change} WHERE {where}".encode())  # noqa: S608
