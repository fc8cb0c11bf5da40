"""Turns errors of broken unique constraints into answers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, Table, UniqueConstraint
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from kit._internal.database import dialect
from kit._internal.problems import ConflictError

Attribute = InstrumentedAttribute[Any]


@contextmanager
def unique(*attributes: Attribute, taken: str, kind: str | None = None) -> Iterator[None]:
    """Raise ConflictError, 409, for a write within that breaks the uniqueness of these attributes.

        with unique(User.email, taken="Another user has this e-mail address."):
            user = await database.insert(User, email=email)

    `taken` is the detail of the error. The default of `kind` consists of the attributes' names, as
    in email-taken. Other errors pass. With a session, call its flush() within.
    """
    try:
        yield
    except IntegrityError as error:
        if not breaks_uniqueness(error, attributes):
            raise
        names = "-".join(attribute.key.replace("_", "-") for attribute in attributes)
        raise ConflictError(taken, kind or f"{names}-taken") from error


def is_duplicate(error: DBAPIError, table: str, column: str) -> bool:
    """Return whether an error is due to another row with the same value in this column.

    Knows the names that NAMING_CONVENTION and PostgreSQL give to a constraint; unique() knows all.
    """
    names = {f"uq_{table}_{column}", f"{table}_{column}_key"}
    return dialect.is_duplicate(error, names, [f"{table}.{column}"])


def breaks_uniqueness(error: IntegrityError, attributes: Sequence[Attribute]) -> bool:
    """Return whether an error is due to another row with the same values of these attributes."""
    columns = [attribute.property.columns[0] for attribute in attributes]
    table = columns[0].table
    qualified = [f"{table.name}.{column.name}" for column in columns]
    return dialect.is_duplicate(error, constraint_names(table, columns), qualified)


def constraint_names(table: Table, columns: Sequence[Column[Any]]) -> set[str]:
    """Return the names of constraints and indexes that keep these columns unique."""
    wanted = set(columns)
    # The name that PostgreSQL gives to a constraint without a name.
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
