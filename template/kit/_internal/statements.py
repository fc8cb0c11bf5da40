"""Single statements without a session, each of them a transaction of its own.

AsyncConnection and AsyncSession take a greenlet of their own for each step: to connect, to execute,
to commit, to give the connection back. `fetch_rows` takes one for all of them, and maps no objects.
It uses `sqlalchemy.util.greenlet_spawn` and `AsyncEngine.sync_engine`, of which SQLAlchemy's own
asyncio extension consists; they are documented, but not as an interface. The public equivalent is

    async with engine.connect() as connection:
        result = await connection.execute(statement, values)

Checked with SQLAlchemy 2.1; `make bench` of its repository measures the gain. Tests of kit fail
when SQLAlchemy changes it.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    Connection,
    Executable,
    Select,
    TextClause,
    bindparam,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.util import greenlet_spawn

from kit._internal.sessions import CHANGE

Row = dict[str, Any]
Connect = Callable[[], AbstractContextManager[Connection]]
Model = type[DeclarativeBase]

# A name of a parameter must not be that of a column, which SQLAlchemy keeps for itself.
KEY = "key_"


async def fetch_rows(
    connect: Connect, statement: Executable, values: Mapping[str, Any]
) -> list[Row]:
    """Execute a statement on a connection of its own; return its rows, by name of column."""
    return await greenlet_spawn(execute, connect, statement, values)


def execute(connect: Connect, statement: Executable, values: Mapping[str, Any]) -> list[Row]:
    with connect() as connection:
        result = connection.execute(statement, values)
        if not result.returns_rows:
            return []
        names = tuple(result.keys())
        return [dict(zip(names, row, strict=True)) for row in result.all()]


def changes_rows(statement: Executable) -> bool:
    """Return whether a statement needs a connection that may write."""
    if isinstance(statement, TextClause):
        return CHANGE.search(statement.text) is not None
    return not statement.is_select


def mapped_columns(model: Model) -> list[Any]:
    """Return what a model maps, each column under the name of its attribute."""
    attributes = inspect(model).column_attrs
    return [item.columns[0].label(item.key) for item in attributes if not item.deferred]


def select_columns(model: Model) -> Select[Any]:
    """Select what a model maps, each column under the name of its attribute.

    Deferred columns are left out. The rows of Database.rows() then have the names of attributes.
    """
    return select(*mapped_columns(model))


def key_of(model: Model) -> Any:  # noqa: ANN401
    """Return the primary key; raise TypeError where it has several columns."""
    columns = inspect(model).primary_key
    if len(columns) > 1:
        names = ", ".join(column.name for column in columns)
        raise TypeError(
            f"{model.__name__} has a primary key of several columns, {names}; use Database.rows()"
            f" with a statement: select_columns({model.__name__}).where(...)"
        )
    return columns[0]


@cache
def key_name(model: Model) -> str:
    """Return the attribute of the primary key."""
    return inspect(model).get_property_by_column(key_of(model)).key


@cache
def select_by_key(model: Model) -> Select[Any]:
    return select_columns(model).where(key_of(model) == bindparam(KEY))


@cache
def delete_by_key(model: Model) -> Executable:
    return delete(model).where(key_of(model) == bindparam(KEY)).returning(key_of(model))


# Of the sets of fields that requests may send: each makes another statement.
@lru_cache(maxsize=1000)
def insert_of(model: Model, names: tuple[str, ...]) -> Executable:
    statement = insert(model).values(parameters(model, names))
    return statement.returning(*mapped_columns(model))


@lru_cache(maxsize=1000)
def update_by_key(model: Model, names: tuple[str, ...]) -> Executable:
    statement = update(model).where(key_of(model) == bindparam(KEY))
    return statement.values(parameters(model, names)).returning(*mapped_columns(model))


def parameters(model: Model, names: tuple[str, ...]) -> dict[Any, Any]:
    """Return for each attribute its column and a parameter; raise TypeError for an unknown one."""
    columns = inspect(model).columns
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise TypeError(f"{model.__name__} has no column {', '.join(unknown)}")
    return {columns[name]: bindparam(f"{name}_", type_=columns[name].type) for name in names}


def named(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values under the names of parameters()."""
    return {f"{name}_": value for name, value in values.items()}
