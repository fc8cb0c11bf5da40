"""Turns violations of unique constraints into responses."""

from collections.abc import Sequence
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any

from sqlalchemy import Column, Table, UniqueConstraint
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from kit._internal.database import dialect
from kit._internal.problems import ConflictError

Attribute = InstrumentedAttribute[Any]


class Uniqueness(ContextDecorator):
    """The context manager that unique() returns, for `with` and for `async with`."""

    def __init__(self, attributes: Sequence[Attribute], taken: str, kind: str) -> None:
        self.attributes = attributes
        self.taken = taken
        self.kind = kind

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, IntegrityError) and breaks_uniqueness(error, self.attributes):
            raise ConflictError(self.taken, self.kind) from error

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


def unique(*attributes: Attribute, taken: str, kind: str | None = None) -> Uniqueness:
    """Raise ConflictError (409) if a write in the context violates uniqueness of these attributes.

        with unique(User.email, taken="Another user has this e-mail address."):
            user = await database.insert(User, email=email)

    `taken` is the detail of the error. `kind` defaults to the attributes' names, as in email-taken.
    Other errors pass. With a session, call its flush() in the context. `async with` does the same,
    and may have other contexts beside it: references().
    """
    names = "-".join(attribute.key.replace("_", "-") for attribute in attributes)
    return Uniqueness(attributes, taken, kind or f"{names}-taken")


def is_duplicate(error: DBAPIError, table: str, column: str) -> bool:
    """Return whether another row with the same value in this column causes an error.

    Knows constraint names of NAMING_CONVENTION and of PostgreSQL; unique() knows all names.
    """
    names = {f"uq_{table}_{column}", f"{table}_{column}_key"}
    return dialect.is_duplicate(error, names, [f"{table}.{column}"])


def breaks_uniqueness(error: IntegrityError, attributes: Sequence[Attribute]) -> bool:
    """Return whether another row with the same values of these attributes causes an error."""
    columns = [attribute.property.columns[0] for attribute in attributes]
    table = columns[0].table
    qualified = [f"{table.name}.{column.name}" for column in columns]
    return dialect.is_duplicate(error, constraint_names(table, columns), qualified)


def constraint_names(table: Table, columns: Sequence[Column[Any]]) -> set[str]:
    """Return the names of unique constraints and indexes of these columns."""
    wanted = set(columns)
    # PostgreSQL's name for a constraint without a name.
    names = {"_".join([table.name, *(column.name for column in columns), "key"])}
    if set(table.primary_key.columns) == wanted:
        names.add(str(table.primary_key.name or f"{table.name}_pkey"))
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint) and set(constraint.columns) == wanted:
            names.add(str(constraint.name))
    for index in table.indexes:
        if index.unique and set(index.columns) == wanted:
            names.add(str(index.name))
    return names
