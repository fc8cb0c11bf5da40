"""Compares constraint names in the database and in the models, which autogenerate does not.

Reports names that the database has chosen, such as `users_pkey`. Any other name is accepted, as the
naming convention may have changed since the revision.
"""

import re
from collections.abc import Iterator

from sqlalchemy import (
    Connection,
    ForeignKeyConstraint,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    inspect,
)
from sqlalchemy.engine import Inspector
from sqlalchemy.schema import ColumnCollectionConstraint

# Names that PostgreSQL chooses for constraints; SQLite chooses none.
AUTOMATIC_NAME = re.compile(r".*_(?:pkey|fkey|key)\d*")
# The kind of a constraint, and its columns.
Key = tuple[str, tuple[str, ...]]


def find_misnamed(connection: Connection, metadata: MetaData) -> list[str]:
    """Return a line for each constraint whose name the database has chosen."""
    inspector = inspect(connection)
    lines = []
    for table in metadata.tables.values():
        if not inspector.has_table(table.name, table.schema):
            continue
        stored = dict(stored_names(inspector, table))
        for key, name in wanted_names(table):
            other = stored.get(key, name)
            if name != other and is_automatic(name, other):
                lines.append(f"{table.fullname}: {key[0]} {describe(other)}, not {describe(name)}")
    return sorted(lines)


def is_automatic(wanted: str | None, stored: str | None) -> bool:
    """Return whether the database has chosen either name."""
    if wanted is None:
        return stored is not None and not AUTOMATIC_NAME.fullmatch(stored)
    return stored is None or AUTOMATIC_NAME.fullmatch(stored) is not None


def describe(name: str | None) -> str:
    return name or "without a name"


def stored_names(inspector: Inspector, table: Table) -> Iterator[tuple[Key, str | None]]:
    primary = inspector.get_pk_constraint(table.name, table.schema)
    yield ("primary key", ()), primary["name"]
    for foreign in inspector.get_foreign_keys(table.name, table.schema):
        yield ("foreign key", tuple(foreign["constrained_columns"])), foreign["name"]
    for unique in inspector.get_unique_constraints(table.name, table.schema):
        yield ("unique constraint", tuple(unique["column_names"])), unique["name"]


def wanted_names(table: Table) -> Iterator[tuple[Key, str | None]]:
    for constraint in table.constraints:
        name = None
        if isinstance(constraint.name, str):
            name = constraint.name
        if isinstance(constraint, PrimaryKeyConstraint):
            if not constraint.columns:
                continue
            yield ("primary key", ()), name
        elif isinstance(constraint, ForeignKeyConstraint):
            yield ("foreign key", columns_of(constraint)), name
        elif isinstance(constraint, UniqueConstraint):
            yield ("unique constraint", columns_of(constraint)), name


def columns_of(constraint: ColumnCollectionConstraint) -> tuple[str, ...]:
    return tuple(column.name for column in constraint.columns)
