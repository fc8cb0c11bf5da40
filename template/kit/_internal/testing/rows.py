"""Rows with made-up values, for revisions to be tried on."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from secrets import randbelow, token_hex
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Column, Connection, MetaData, func, select
from sqlalchemy.exc import DBAPIError

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
    """Add a row to each table, except where rules of its own refuse what can be made up."""
    for table in reflect(connection).sorted_tables:
        with suppress(DBAPIError, LookupError, NotImplementedError), connection.begin_nested():
            columns = filter(is_required, table.columns)
            values = {column.name: make_up(column, connection) for column in columns}
            connection.execute(table.insert().values(values))


def count_rows(connection: Connection) -> dict[str, int]:
    """Return how many rows each table has, except those of Alembic."""
    return {
        name: connection.scalar(select(func.count()).select_from(table)) or 0
        for name, table in reflect(connection).tables.items()
    }


def reflect(connection: Connection) -> MetaData:
    metadata = MetaData()
    metadata.reflect(connection, only=lambda name, _metadata: not name.startswith("alembic_"))
    return metadata


def is_required(column: Column[Any]) -> bool:
    return not column.nullable and column.server_default is None and column.identity is None


def make_up(column: Column[Any], connection: Connection) -> object:
    for key in column.foreign_keys:
        return connection.scalar(select(key.column).limit(1))
    if column.type.python_type is str:
        return token_hex(16)[: getattr(column.type, "length", None)]
    return MADE_UP[column.type.python_type]()
