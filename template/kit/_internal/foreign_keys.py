"""Foreign keys of models: what they refer to, and which rows refer to a row."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKeyConstraint,
    FromClause,
    Select,
    Table,
    and_,
    inspect,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Mapper

from kit._internal.deletion import is_soft_deleted
from kit._internal.owners import Owner, owned_models
from kit._internal.statements import Model, conditions_of
from kit._internal.subsets import mapper_of

WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# ON DELETE: deletes the rows that refer to a deleted row, or changes them.
CASCADES = "CASCADE"
RELEASES = {"SET NULL", "SET DEFAULT"}


@dataclass(frozen=True)
class Reference:
    """A foreign key of a model: its attributes, and the columns that they refer to."""

    attributes: tuple[str, ...]
    targets: tuple[Column[Any], ...]
    target_model: Model | None

    @property
    def name(self) -> str:
        return ", ".join(self.attributes)

    @property
    def target_label(self) -> str:
        if self.target_model is None:
            return self.targets[0].table.name.replace("_", " ")
        return label_of(self.target_model)


def label_of(model: Model) -> str:
    """Return the words of a model's name: "order line" for OrderLine."""
    return WORD_BOUNDARY.sub(" ", model.__name__).lower()


@cache
def references_of(model: Model) -> tuple[Reference, ...]:
    """Return the foreign keys of a model, sorted by its columns."""
    mapper = inspect(model)
    columns = list(mapper.local_table.columns)
    keys = sorted(keys_of(mapper.local_table), key=lambda key: columns.index(key.columns[0]))
    return tuple(reference_of(mapper, key) for key in keys)


def reference_of(mapper: Mapper[Any], key: ForeignKeyConstraint) -> Reference:
    names = [mapper.get_property_by_column(element.parent).key for element in key.elements]
    target = mapper_of(key.referred_table)
    return Reference(
        attributes=tuple(names),
        targets=tuple(element.column for element in key.elements),
        target_model=None if target is None else target.class_,
    )


def keys_of(table: FromClause) -> Iterator[ForeignKeyConstraint]:
    for constraint in getattr(table, "constraints", ()):
        if isinstance(constraint, ForeignKeyConstraint):
            yield constraint


def target_exists(
    reference: Reference, values: Sequence[object], owner: Owner | None
) -> Select[Any]:
    """Return a SELECT of the row that a reference with these values refers to.

    It is one that is not deleted and, with an owner, one that routes of the owner see.
    """
    pairs = zip(reference.targets, values, strict=True)
    statement = select(literal(1)).where(*(column == value for column, value in pairs))
    model = reference.target_model
    if model is None:
        return statement
    statement = statement.where(*conditions_of(model))
    if owner is not None and model in owned_models and not owner.is_everyone:
        statement = statement.where(inspect(model).columns["owner"] == owner.subject)
    return statement


def blocking_references(model: Model, key: object) -> Iterator[tuple[str, bool, Select[Any]]]:
    """Yield the foreign keys that can keep a row from being deleted.

    First those to the row, then those to rows that are deleted with it. Each has its name, whether
    it refers to the row itself, and a SELECT of the rows that refer.
    """
    table: Any = inspect(model).local_table
    row = table.alias()
    conditions = has_key(table, row, key)
    for constraint, joined, depth in blockers(table, row, row, (table,)):
        names = ", ".join(column.name for column in constraint.columns)
        statement = select(literal(1)).select_from(joined).where(*conditions).limit(1)
        yield f"{constraint.table.name}.{names}", depth == 1, statement


def living_references(model: Model, key: object) -> Iterator[tuple[str, Select[Any]]]:
    """Yield the foreign keys that keep a row from being marked as deleted.

    Those are the ones that would keep it from being deleted; rows that are deleted do not refer to
    it. Each has its name, and a SELECT of the rows that refer.
    """
    table: Any = inspect(model).local_table
    row = table.alias()
    conditions = has_key(table, row, key)
    for constraint in keys_to(table):
        rule = (constraint.ondelete or "").upper()
        if rule == CASCADES or rule in RELEASES:
            continue
        child = constraint.table.alias()
        joined = row.join(child, is_reference(constraint, child, row))
        statement = select(literal(1)).select_from(joined).where(*conditions).limit(1)
        referring = mapper_of(constraint.table)
        if referring is not None and is_soft_deleted(referring.class_):
            column = referring.columns["deleted_at"]
            statement = statement.where(child.c[column.key].is_(None))
        names = ", ".join(column.name for column in constraint.columns)
        yield f"{constraint.table.name}.{names}", statement


def has_key(table: Table, row: FromClause, key: object) -> list[ColumnElement[bool]]:
    """Return the conditions that a row, an alias of the table, has this primary key."""
    columns = table.primary_key.columns
    values: Any = key if len(columns) > 1 else (key,)
    return [row.c[c.key] == value for c, value in zip(columns, values, strict=True)]


def blockers(
    table: Table, row: FromClause, joined: FromClause, path: tuple[Table, ...]
) -> Iterator[tuple[ForeignKeyConstraint, FromClause, int]]:
    """Yield foreign keys to rows of a table, each with the join from the deleted row.

    The third value is the length of the join. `row` is the alias of the table in `joined`; `path`
    has the tables that are joined.
    """
    cascades = []
    for constraint in keys_to(table):
        child = constraint.table.alias()
        longer = joined.join(child, is_reference(constraint, child, row))
        rule = (constraint.ondelete or "").upper()
        if rule == CASCADES:
            cascades.append((constraint.table, child, longer))
        elif rule not in RELEASES:
            yield constraint, longer, len(path)
    for child_table, child, longer in cascades:
        if child_table not in path:
            yield from blockers(child_table, child, longer, (*path, child_table))


def keys_to(table: Table) -> Iterator[ForeignKeyConstraint]:
    """Yield the foreign keys to a table, sorted by the names of their tables."""
    for other in sorted(table.metadata.tables.values(), key=lambda other: other.fullname):
        for constraint in keys_of(other):
            if constraint.referred_table is table:
                yield constraint


def is_reference(
    constraint: ForeignKeyConstraint, child: FromClause, row: FromClause
) -> ColumnElement[bool]:
    """Return the condition that a row refers to another one; a row may refer to itself."""
    conditions = [
        child.c[item.parent.key] == row.c[item.column.key] for item in constraint.elements
    ]
    if constraint.referred_table is constraint.table:
        keys = [column.key for column in constraint.table.primary_key.columns]
        conditions.append(or_(*(child.c[key] != row.c[key] for key in keys)))
    return and_(*conditions)
