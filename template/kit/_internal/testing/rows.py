"""Adds rows with made-up values, to test revisions."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from secrets import randbelow, token_hex
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Column, Connection, Enum, MetaData, Table, func, inspect, select
from sqlalchemy.exc import DBAPIError, SAWarning

from kit._internal.migrations.guards import Backfill

# Values by Python type.
MADE_UP: dict[type, Callable[[], object]] = {
    bool: lambda: True,
    bytes: lambda: b"x",
    date: lambda: datetime.now(UTC).date(),
    datetime: lambda: datetime.now(UTC),
    Decimal: lambda: Decimal(1),
    dict: dict,
    float: lambda: 1.0,
    int: lambda: randbelow(10_000),
    list: list,
    object: dict,  # JSON
    time: time,
    timedelta: timedelta,
    UUID: uuid4,
}


def add_rows(connection: Connection) -> None:
    """Add a row to each table, unless its constraints refuse made-up values."""
    for table in reflect(connection):
        with suppress(DBAPIError, LookupError, NotImplementedError), connection.begin_nested():
            values = {}
            for column in table.columns:
                if is_required(column):
                    values[column.name] = make_up(column, connection)
            connection.execute(table.insert().values(values))


def fill_in(connection: Connection, backfill: Backfill) -> None:
    """Set a column to made-up values in the rows of a backfill whose value is not known.

    Leaves what it cannot make up, which the revision then reports.
    """
    schema, _, name = backfill.table.rpartition(".")
    table = Table(name, MetaData(), schema=schema or None, autoload_with=connection)
    key, column = table.c[backfill.key], table.c[backfill.column]
    rows = connection.scalars(select(key).where(backfill.condition())).all()
    with suppress(LookupError, NotImplementedError):
        for row in rows:
            values = {column.name: make_up(column, connection)}
            connection.execute(table.update().where(key == row).values(values))


def count_rows(connection: Connection) -> dict[str, int]:
    """Return the number of rows by table name with schema."""
    counts = {}
    for table in reflect(connection):
        counts[table.fullname] = connection.scalar(select(func.count()).select_from(table)) or 0
    return counts


def reflect(connection: Connection) -> list[Table]:
    """Return the tables of all schemas except Alembic's, referenced tables first."""
    inspector = inspect(connection)
    schemas = {*inspector.get_schema_names(), None}
    schemas -= {inspector.default_schema_name, "information_schema"}
    metadata = MetaData()
    with warnings.catch_warnings():
        # It warns about unknown types, and tables that refer to each other.
        warnings.simplefilter("ignore", SAWarning)
        for schema in schemas:
            metadata.reflect(connection, schema=schema, only=is_own)
        return metadata.sorted_tables


def is_own(name: str, _metadata: MetaData) -> bool:
    return not name.startswith("alembic_")


def is_required(column: Column[Any]) -> bool:
    if column.nullable or column.server_default is not None:
        return False
    return column.identity is None and column.computed is None


def make_up(column: Column[Any], connection: Connection) -> object:
    """Return a value for a column; for a foreign key, that of any referenced row."""
    for key in column.foreign_keys:
        return connection.scalar(select(key.column).limit(1))
    if isinstance(column.type, Enum):
        return column.type.enums[0]
    if column.type.python_type is str:
        return token_hex(16)[: getattr(column.type, "length", None)]
    return MADE_UP[column.type.python_type]()
