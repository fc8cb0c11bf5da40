"""Fills the tables of a copy with rows, so that scans and rewrites take as long as they would."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from sqlalchemy import URL

from scripts.rehearse.postgresql_columns import Column, Reference, Table, read_tables
from scripts.rehearse.postgresql_values import find_value
from kit._internal.postgresql.url import libpq

# Seconds in which all tables are filled, and how many rows a statement inserts.
TIME_LIMIT = 120
CHUNK = 50_000
# Rows of a table to which others refer; a key of one column needs one for each row.
REFERENCED = 1000


class UnfillableError(Exception):
    """A table cannot be filled, for this reason."""


@dataclass
class Filled:
    """How many rows each table has, and a note for each that has fewer."""

    rows: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def fill_tables(url: URL, count: int) -> Filled:
    """Insert this many rows into each table, as far as constraints and the time allow."""
    filled = Filled()
    if not count:
        return filled
    end = time.monotonic() + TIME_LIMIT
    with psycopg.connect(libpq(url), autocommit=True) as connection:
        tables = read_tables(connection)
        for index, table in enumerate(tables):
            budget = (end - time.monotonic()) / (len(tables) - index)
            reason = fill_table(connection, table, count, time.monotonic() + budget)
            filled.rows[table.name] = count_rows(connection, table)
            if filled.rows[table.name] < count:
                rows = f"{filled.rows[table.name]:,} rows instead of {count:,}"
                filled.notes.append(f"{table.name} has {rows}: {reason}")
        connection.execute("ANALYZE")
    return filled


def count_rows(connection: psycopg.Connection, table: Table) -> int:
    query = sql.SQL("SELECT count(*) FROM {}").format(table.identifier)
    row = connection.execute(query).fetchone()
    return row[0] if row else 0


def fill_table(connection: psycopg.Connection, table: Table, count: int, end: float) -> str:
    """Insert the rows in chunks; return why there are fewer than asked for."""
    try:
        statement = insert_into(connection, table)
        for first in range(1, count + 1, CHUNK):
            remaining = end - time.monotonic()
            if remaining <= 0:
                return f"the limit of {TIME_LIMIT} seconds for all tables"
            limit = f"SET statement_timeout = {max(1, round(remaining * 1000))}"
            connection.execute(limit.encode())
            connection.execute(statement, {"first": first, "last": min(count, first + CHUNK - 1)})
    except UnfillableError as error:
        return str(error)
    except psycopg.errors.QueryCanceled:
        return f"the limit of {TIME_LIMIT} seconds for all tables"
    except psycopg.Error as error:
        return str(error).partition("\n")[0]
    finally:
        connection.execute("RESET statement_timeout")
    return "a unique constraint allows no more made-up values"


def insert_into(connection: psycopg.Connection, table: Table) -> sql.Composed:
    """Return the INSERT of the rows %(first)s to %(last)s; raise UnfillableError if impossible."""
    values: dict[str, sql.Composable] = {}
    sources: list[sql.Composable] = [sql.SQL("generate_series(%(first)s::bigint, %(last)s) AS i")]
    step = 1
    for number, reference in enumerate(references_of(table)):
        alias = sql.Identifier(f"referenced_{number}")
        size = referenced_rows(connection, table, reference)
        sources.append(source_of(connection, reference, alias, size, step))
        step *= size
        for name, other in zip(reference.columns, reference.referenced, strict=True):
            values.setdefault(name, sql.SQL("{}.{}").format(alias, sql.Identifier(other)))
    for column in table.columns:
        if column.name not in values and not column.has_default:
            value = value_of(connection, table, column)
            if value:
                values[column.name] = sql.SQL(value.replace("%", "%%"))
    if not values:
        raise UnfillableError("every column has a default")
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT DO NOTHING").format(
        table.identifier,
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(values.values()),
        sql.SQL(" ").join(sources),
    )


def references_of(table: Table) -> Iterator[Reference]:
    """Yield the foreign keys to fill: to other tables, or required."""
    required = {column.name for column in table.columns if column.is_required}
    for reference in table.references:
        if reference.table != table.oid or required.intersection(reference.columns):
            yield reference


def referenced_rows(connection: psycopg.Connection, table: Table, reference: Reference) -> int:
    """Return how many rows of the other table to refer to; raise UnfillableError for none."""
    query = (
        f"SELECT count(*) FROM (SELECT 1 FROM {name_of(connection, reference)} LIMIT %s) AS rows"  # noqa: S608
    )
    limit = REFERENCED
    if set(reference.columns) in table.unique:
        limit = 10**9
    row = connection.execute(query.encode(), [limit]).fetchone()
    if not row or not row[0]:
        raise UnfillableError(f"{name_of(connection, reference)}, to which it refers, has no rows")
    size: int = row[0]
    return size


def name_of(connection: psycopg.Connection, reference: Reference) -> str:
    row = connection.execute("SELECT %s::regclass::text", [reference.table]).fetchone()
    return str(row[0] if row else reference.table)


def source_of(
    connection: psycopg.Connection,
    reference: Reference,
    alias: sql.Identifier,
    size: int,
    step: int,
) -> sql.Composable:
    """Return the join of a referenced table: row `i` refers to each of `size` rows in turn.

    Rows that are the same in one reference differ in the next, so that pairs are unique.
    """
    columns = sql.SQL(", ").join(map(sql.Identifier, reference.referenced))
    name = sql.SQL(name_of(connection, reference))
    return sql.SQL(
        "JOIN (SELECT {}, row_number() OVER () AS position FROM (SELECT {} FROM {} LIMIT {}) AS s)"
        " AS {} ON {}.position = 1 + ((i - 1) / {}) %% {}"
    ).format(
        columns,
        columns,
        name,
        sql.Literal(size),
        alias,
        alias,
        sql.Literal(step),
        sql.Literal(size),
    )


def value_of(connection: psycopg.Connection, table: Table, column: Column) -> str | None:
    """Return SQL of a column's value, None for NULL; raise UnfillableError if one is required."""
    value = find_value(connection, column, table.checks.get(column.name, []))
    if value is None and column.is_required:
        raise UnfillableError(f"no value is known for {column.name} ({column.full_type})")
    return value


def fill_column(connection: psycopg.Connection, name: str, column: str, where: str) -> None:
    """Set a column of the rows that match the condition to made-up values, if any are known."""
    for table in read_tables(connection):
        for candidate in table.columns:
            if table.name != name or candidate.name != column:
                continue
            value = find_value(connection, candidate, table.checks.get(column, []))
            rows = f"SELECT ctid, row_number() OVER () AS i FROM {name} WHERE {where}"  # noqa: S608
            if value:
                query = f"""UPDATE {name} AS changed SET "{column}" = {value}
                    FROM ({rows}) AS numbers WHERE changed.ctid = numbers.ctid"""  # noqa: S608
                connection.execute(query.encode())
