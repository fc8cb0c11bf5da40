"""How large the tables of a real database are, and how long a scan or a rewrite takes there."""

from dataclasses import dataclass

import psycopg
from sqlalchemy import URL

from scripts.rehearse.report import Report, Statement
from scripts.rehearse.request import refuse
from kit._internal.postgresql.url import libpq, parse_any_url

# Bytes per second, of a common disk; `rows=` replaces the guess by a measurement.
SCANNED, REWRITTEN = 100 * 2**20, 30 * 2**20
# Estimates of the last ANALYZE, without locks on the tables.
QUERY = """
    SELECT CASE WHEN n.nspname = current_schema() THEN '' ELSE n.nspname || '.' END || c.relname,
        c.reltuples::bigint, c.relpages::bigint * current_setting('block_size')::bigint
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND c.reltuples >= 0
        AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""


@dataclass(frozen=True)
class Size:
    """The rows and the bytes of a table, as PostgreSQL estimates them."""

    rows: int
    bytes: int


def read_sizes(address: str) -> dict[str, Size]:
    """Return the sizes by table; exit with status 2 if the database does not answer."""
    try:
        url: URL = parse_any_url(address)
    except ValueError as error:
        refuse(f"stats: {error}")
    options = "-c default_transaction_read_only=on -c statement_timeout=10s"
    sizes = {}
    try:
        with psycopg.connect(libpq(url), options=options, connect_timeout=10) as connection:
            for name, rows, size in connection.execute(QUERY):
                sizes[name] = Size(rows, size)
    except psycopg.Error as error:
        refuse(f"stats: {url!r} does not answer: {str(error).partition(chr(10))[0]}")
    return sizes


def add_estimates(report: Report, sizes: dict[str, Size]) -> None:
    """Set the estimate of each statement that reads whole tables, and the sizes of these."""
    for revision in report.revisions:
        for statement in revision.statements:
            for table in (*statement.scanned, *statement.rewritten):
                if table in sizes:
                    report.sizes[table] = sizes[table].rows
                    seconds = estimate(statement, table, report.rows.get(table, 0), sizes[table])
                    statement.estimate = (statement.estimate or 0) + seconds


def estimate(statement: Statement, table: str, measured_rows: int, size: Size) -> float:
    """Return the seconds that a statement takes: measured on fewer rows, or by the size."""
    if measured_rows:
        tables = len(statement.scanned) + len(statement.rewritten)
        return statement.seconds * size.rows / measured_rows / tables
    if table in statement.rewritten:
        return size.bytes / REWRITTEN
    return size.bytes / SCANNED
