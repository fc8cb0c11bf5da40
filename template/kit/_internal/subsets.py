"""Rows with some values of attributes: statements see and change no others."""

from collections.abc import Iterator, Mapping
from copy import copy
from functools import lru_cache
from typing import Any, Protocol, Self, cast

from sqlalchemy import (
    Column,
    ColumnElement,
    Delete,
    Executable,
    FromClause,
    Select,
    SelectBase,
    Table,
    Update,
    inspect,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapper
from sqlalchemy.sql import ClauseElement, visitors

from kit._internal.deletion import without_deleted
from kit._internal.execution import Row, StatementExecutor
from kit._internal.owners import owned_models, refuse_model, refuse_statement
from kit._internal.statements import (
    KEY_PARAMETER,
    Model,
    changes_rows,
    delete_by_key,
    first,
    insert_of,
    parameter_values,
    scope_parameter,
    select_by_key,
    update_by_key,
    validated,
)
from kit._internal.tables import nested


class HasExecutor(Protocol):
    """What executes statements: a Database."""

    executor: StatementExecutor

    def within(self, connection: AsyncConnection) -> Self: ...


class Subset:
    """The rows with some values of attributes, with the methods of Database: see subset().

    Other rows do not exist: row() and update() return None, delete() returns False. New rows get
    these values. read_page(), references() and unreferenced() take a subset, too.
    """

    def __init__(self, database: HasExecutor, values: Mapping[str, object]) -> None:
        missing = [name for name, value in values.items() if value is None]
        if missing:
            raise TypeError(f"no row equals None, so a subset needs a value of {missing[0]}")
        self.database = database
        self.values = dict(values)
        self.names = tuple(values)
        self.conditions = {scope_parameter(name): value for name, value in values.items()}

    @property
    def executor(self) -> StatementExecutor:
        return self.database.executor

    def within(self, connection: AsyncConnection) -> Self:
        """Return these rows in the transaction of a connection: see Database.within()."""
        bound = copy(self)
        bound.database = self.database.within(connection)
        return bound

    def subset(self, /, **values: object) -> Self:
        """Return the rows that have these values as well."""
        repeated = self.values.keys() & values.keys()
        if repeated:
            raise TypeError(f"the subset has a value of {', '.join(sorted(repeated))} already")
        return self.with_values({**self.values, **values})

    def with_values(self, values: Mapping[str, object]) -> Self:
        return type(self)(self.database, values)

    async def row(self, model: Model, key: object) -> Row | None:
        """Return the row with this primary key as a dict by attribute names, or None."""
        self.check(model)
        statement = select_by_key(model, self.names)
        return first(await self.executor.read(statement, self.parameters(key)))

    async def rows(self, statement: Executable, /, **values: object) -> list[Row]:
        """Execute a statement for these rows only, otherwise like Database.rows().

        Each table that has all of the attributes gets the condition. Raises TypeError if no table
        has them or that is not possible: for INSERT, and for such tables in subqueries and aliases.
        """
        limited = without_deleted(self.limit(statement))
        if changes_rows(statement):
            return await self.executor.write(limited, values)
        return await self.executor.read(limited, values)

    async def insert(self, model: Model, /, **values: object) -> Row:
        """Insert a row with the values of the subset and commit; return the whole row.

        Otherwise like Database.insert(). Raises TypeError for an attribute of the subset.
        """
        self.check(model)
        self.refuse_fixed(model, values)
        changes = validated(model, {**values, **self.inserted_values})
        statement = insert_of(model, tuple(changes))
        return (await self.executor.write(statement, parameter_values(changes)))[0]

    async def update(self, model: Model, key: object, /, **values: object) -> Row | None:
        """Update these attributes of a row and commit; return the whole row, or None.

        Otherwise like Database.update(). Raises TypeError for an attribute of the subset.
        """
        self.check(model)
        self.refuse_fixed(model, values)
        if not values:
            return await self.row(model, key)
        changes = validated(model, values)
        statement = update_by_key(model, tuple(changes), self.names)
        parameters = {**self.parameters(key), **parameter_values(changes)}
        return first(await self.executor.write(statement, parameters))

    async def delete(self, model: Model, key: object) -> bool:
        """Delete the row with this primary key and commit; return whether it existed."""
        self.check(model)
        statement = delete_by_key(model, self.names)
        return bool(await self.executor.write(statement, self.parameters(key)))

    def parameters(self, key: object) -> dict[str, object]:
        return {KEY_PARAMETER: key, **self.conditions}

    @property
    def inserted_values(self) -> dict[str, object]:
        """The values that new rows get."""
        return self.values

    def check(self, model: Model) -> None:
        """Raise TypeError for a model whose rows this object must not use."""
        refuse_model(model)

    def limit(self, statement: Executable) -> Executable:
        """Return the statement for these rows only."""
        if owned_models:
            refuse_statement(statement)
        return limit(statement, self.values)

    def refuse_fixed(self, model: Model, values: Mapping[str, object]) -> None:
        """Raise TypeError for an attribute that all rows of the subset have the same value of."""
        for name in self.names:
            if name in values:
                raise TypeError(f"the subset sets {name} of {model.__name__}: leave it out")


def limit(statement: Executable, values: Mapping[str, object]) -> Executable:
    """Return a statement for the rows with these values of attributes only.

    Raises TypeError where that is not possible.
    """
    if not values:
        return statement
    names = ", ".join(values)
    if not isinstance(statement, Select | Update | Delete):
        raise TypeError(
            f"{type(statement).__name__} cannot be limited to rows with a value of {names}"
        )
    for element in nested(statement):
        if any(limited_columns(element, tuple(values))):
            raise TypeError(
                f"rows with {names} in a subquery or an alias: use Database, with the condition"
            )
    tables = list(limited_columns(statement, tuple(values)))
    if not tables:
        raise TypeError(f"no table of the statement has {names}")
    for columns in tables:
        conditions = [columns[name] == value for name, value in values.items()]
        statement = statement.where(*conditions)
    return statement


def is_condition_on(model: Model, condition: ColumnElement[bool]) -> bool:
    """Return whether a condition has columns of a model's table only, and no subquery."""
    table = inspect(model).local_table
    for element in visitors.iterate(condition):
        if isinstance(element, Column) and element.table != table:
            return False
        if isinstance(element, SelectBase | FromClause):
            return False
    return True


def limited_columns(
    statement: Executable, names: tuple[str, ...]
) -> Iterator[Mapping[str, Column[Any]]]:
    """Yield the columns of these attributes, for each table in a statement that has all of them."""
    tables = dict.fromkeys(
        element
        for element in visitors.iterate(cast("ClauseElement", statement))
        if isinstance(element, Table)
    )
    for table in tables:
        columns = columns_of(table, names)
        if columns:
            yield columns


@lru_cache(maxsize=1000)
def columns_of(table: Table, names: tuple[str, ...]) -> Mapping[str, Column[Any]]:
    """Return the columns of these attributes in a table; none if it lacks any of them."""
    mapper = mapper_of(table)
    if mapper is None:
        return {}
    columns = {}
    for name in names:
        column: Any = mapper.columns.get(name)
        if column is None or column.table is not table:
            return {}
        columns[name] = column
    return columns


def mapper_of(table: Table) -> Mapper[Any] | None:
    """Return the mapping of the model that has a table, or None."""
    for base in DeclarativeBase.__subclasses__():
        for mapper in base.registry.mappers:
            if mapper.local_table is table:
                return mapper
    return None
