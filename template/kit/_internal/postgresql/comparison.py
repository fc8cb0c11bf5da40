"""Queries of autogenerate to PostgreSQL, in addition to SQLAlchemy's reflection."""

from typing import Any

from sqlalchemy import Column, Connection, text
from sqlalchemy.exc import DBAPIError

# Tables of an extension, such as spatial_ref_sys of PostGIS, and partitions of a table.
FOREIGN_TABLES = text("""
    SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'f') AND (
        relispartition OR EXISTS (
            SELECT FROM pg_depend
            WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
        )
    )
""")
# A foreign key to a partitioned table has one for each partition.
DERIVED_KEYS = text("""
    SELECT nspname, relname, conname FROM pg_constraint
    JOIN pg_class ON pg_class.oid = conrelid
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE contype = 'f' AND conparentid <> 0
""")
SAME_DEFAULT = """
    SELECT CAST(CAST(({wanted}) AS {type}) AS text)
        IS NOT DISTINCT FROM CAST(CAST(({stored}) AS {type}) AS text)
"""


def find_foreign_tables(connection: Connection) -> set[tuple[str | None, str]]:
    """Return schemas and names of tables that an extension or a partitioned table owns."""
    return {(schema, name) for schema, name in connection.execute(FOREIGN_TABLES)}


def find_derived_keys(connection: Connection) -> set[tuple[str, str, str]]:
    """Return schemas, tables and names of foreign keys that belong to another foreign key."""
    return {(schema, table, name) for schema, table, name in connection.execute(DERIVED_KEYS)}


def is_same_default(
    connection: Connection, wanted: str, stored: str, column: Column[Any]
) -> bool | None:
    """Return whether two SQL defaults have the same value in this column."""
    kind = column.type.compile(connection.dialect)
    query = SAME_DEFAULT.format(wanted=wanted, stored=stored, type=kind)
    try:
        with connection.begin_nested():
            # Without parameters, a percent sign is not a placeholder.
            result = connection.exec_driver_sql(query, execution_options={"no_parameters": True})
            return bool(result.scalar())
    except DBAPIError:
        return False
