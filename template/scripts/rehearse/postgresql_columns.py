"""Reads tables, columns and constraints from the catalogues of PostgreSQL, to fill the tables."""

from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from scripts.rehearse.postgresql_snapshots import OWN_TABLES

TABLES = """
    SELECT c.oid, n.nspname, c.relname,
        CASE WHEN n.nspname = current_schema() THEN '' ELSE n.nspname || '.' END || c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL (%s)
        AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    ORDER BY n.nspname, c.relname
"""
# The type of a domain is that below it; `typmod` is the length of a text or digits of a number.
COLUMNS = """
    SELECT a.attname, a.attnotnull OR t.typnotnull, coalesce(b.typname, t.typname),
        coalesce(b.typtype, t.typtype)::text, coalesce(b.typcategory, t.typcategory)::text,
        CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
        format_type(a.atttypid, a.atttypmod), a.atthasdef OR a.attidentity <> ''
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_type b ON b.oid = t.typbasetype
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""
# The names of columns by their numbers, in order.
NAMES = """ARRAY(SELECT attname::text FROM unnest({keys}) WITH ORDINALITY AS k (number, position)
    JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = k.number ORDER BY k.position)"""
CHECKS = """
    SELECT {columns}, pg_get_expr(conbin, conrelid)
    FROM pg_constraint c WHERE conrelid = %s AND contype = 'c' AND cardinality(conkey) = 1
"""
REFERENCES = """
    SELECT confrelid, {columns},
        {referenced}
    FROM pg_constraint c WHERE conrelid = %s AND contype = 'f' AND conparentid = 0
"""
UNIQUE = """
    SELECT {columns}
    FROM pg_index i WHERE indrelid = %s AND indisunique
"""


@dataclass(frozen=True)
class Column:
    """A column: `kind` and `category` are typtype and typcategory of pg_type."""

    name: str
    is_required: bool
    type: str
    kind: str
    category: str
    modifier: int
    full_type: str
    has_default: bool


@dataclass(frozen=True)
class Reference:
    """A foreign key: the id of the other table, and the columns of both."""

    table: int
    columns: tuple[str, ...]
    referenced: tuple[str, ...]


@dataclass
class Table:
    """A table to fill; `checks` are conditions by the only column that each is about."""

    oid: int
    identifier: sql.Identifier
    name: str
    columns: list[Column] = field(default_factory=list)
    checks: dict[str, list[str]] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    unique: list[set[str]] = field(default_factory=list)


def read_tables(connection: psycopg.Connection) -> list[Table]:
    """Return the tables of all schemas, referenced ones first."""
    tables = []
    for oid, schema, name, full_name in connection.execute(TABLES.encode(), [list(OWN_TABLES)]):
        table = Table(oid, sql.Identifier(schema, name), full_name)
        read_details(connection, table)
        tables.append(table)
    return sort_by_references(tables)


def read_details(connection: psycopg.Connection, table: Table) -> None:
    constrained = NAMES.format(keys="c.conkey", table="c.conrelid")
    others = NAMES.format(keys="c.confkey", table="c.confrelid")
    indexed = NAMES.format(keys="i.indkey::int2[]", table="i.indrelid")
    checks = CHECKS.format(columns=constrained)
    references = REFERENCES.format(columns=constrained, referenced=others)
    unique = UNIQUE.format(columns=indexed)
    for row in connection.execute(COLUMNS.encode(), [table.oid]):
        table.columns.append(Column(*row))
    for names, condition in connection.execute(checks.encode(), [table.oid]):
        table.checks.setdefault(names[0], []).append(condition)
    for other, columns, referenced in connection.execute(references.encode(), [table.oid]):
        table.references.append(Reference(other, tuple(columns), tuple(referenced)))
    for (names,) in connection.execute(unique.encode(), [table.oid]):
        table.unique.append(set(names))


def sort_by_references(tables: list[Table]) -> list[Table]:
    """Return referenced tables before others, as far as they do not refer to each other."""
    ordered: list[Table] = []
    waiting = list(tables)
    while waiting:
        names = {table.oid for table in waiting}
        ready = [table for table in waiting if is_ready(table, names)] or waiting[:1]
        ordered += ready
        waiting = [table for table in waiting if table not in ready]
    return ordered


def is_ready(table: Table, waiting: set[int]) -> bool:
    return all(key.table == table.oid or key.table not in waiting for key in table.references)
