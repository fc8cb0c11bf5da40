"""Queries of autogenerate to SQLite, in addition to SQLAlchemy's reflection."""

import sqlite3
from typing import Any

from sqlalchemy import Column, Connection, text
from sqlalchemy.exc import DBAPIError

# Tables of extensions such as FTS5: virtual tables, and shadow tables with their data.
FOREIGN_TABLES = text("SELECT schema, name FROM pragma_table_list WHERE type <> 'table'")


def find_foreign_tables(connection: Connection) -> set[tuple[str | None, str]]:
    """Return schemas and names of tables that belong to an extension."""
    if sqlite3.sqlite_version_info < (3, 37):
        return set()
    return {(schema, name) for schema, name in connection.execute(FOREIGN_TABLES)}


def is_same_default(
    connection: Connection, wanted: str, stored: str, _column: Column[Any]
) -> bool | None:
    """Return whether two SQL defaults have the same value."""
    query = f"SELECT CAST(({wanted}) AS TEXT) IS CAST(({stored}) AS TEXT)"
    try:
        return bool(connection.exec_driver_sql(query).scalar())
    except DBAPIError:
        return False
