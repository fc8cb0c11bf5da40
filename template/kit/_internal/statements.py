"""Builds the statements that read, insert, update and delete single rows of a model."""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
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

from kit._internal.deletion import is_soft_deleted, now
from kit._internal.execution import Row
from kit._internal.owners import owned_models
from kit._internal.sessions import CHANGING_STATEMENT

Model = type[DeclarativeBase]

# The parameter of the primary key; not a column name, as SQLAlchemy reserves those.
KEY_PARAMETER = "key_"


def changes_rows(statement: Executable) -> bool:
    """Return whether a statement needs a connection that allows writes."""
    if isinstance(statement, TextClause):
        return CHANGING_STATEMENT.search(statement.text) is not None
    return not statement.is_select


def mapped_columns(model: Model) -> list[Any]:
    """Return the columns that a model loads, labelled with the names of its attributes."""
    attributes = inspect(model).column_attrs
    return [item.columns[0].label(item.key) for item in attributes if not item.deferred]


def select_columns(model: Model) -> Select[Any]:
    """Return a SELECT of a model's columns, without deferred ones, labelled by attribute names.

    Database.rows() returns its rows by the names of attributes.
    """
    return select(*mapped_columns(model))


def key_of(model: Model) -> Any:  # noqa: ANN401
    """Return the primary key's column; raise TypeError if it has several columns."""
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
    """Return the name of the primary key's attribute."""
    return inspect(model).get_property_by_column(key_of(model)).key


def conditions_of(model: Model, scope: tuple[str, ...] = ()) -> list[ColumnElement[bool]]:
    """Return the conditions on each row: it is not deleted, and is in the scope.

    Attributes of the scope equal their scope_parameters().
    """
    columns = inspect(model).columns
    refuse_unknown(model, scope)
    conditions = [columns[name] == bindparam(scope_parameter(name)) for name in scope]
    if is_soft_deleted(model):
        conditions.append(columns["deleted_at"].is_(None))
    return conditions


def scope_parameter(name: str) -> str:
    """Return the parameter of an attribute's value in a condition: no name of a column."""
    return f"{name}_is_"


def hides_rows(model: Model) -> bool:
    """Return whether a table may have rows that routes do not see, and that foreign keys accept."""
    return model in owned_models or is_soft_deleted(model)


def by_key(model: Model, scope: tuple[str, ...]) -> list[ColumnElement[bool]]:
    return [key_of(model) == bindparam(KEY_PARAMETER), *conditions_of(model, scope)]


@cache
def select_by_key(model: Model, scope: tuple[str, ...] = ()) -> Select[Any]:
    return select_columns(model).where(*by_key(model, scope))


@cache
def delete_by_key(model: Model, scope: tuple[str, ...] = ()) -> Executable:
    conditions = by_key(model, scope)
    if not is_soft_deleted(model):
        return delete(model).where(*conditions).returning(key_of(model))
    column = inspect(model).columns["deleted_at"]
    time = bindparam("deleted_at_", callable_=now, type_=column.type)
    return update(model).where(*conditions).values({column: time}).returning(key_of(model))


# Limited: each set of names is another statement, and clients choose the fields they send.
@lru_cache(maxsize=1000)
def insert_of(model: Model, names: tuple[str, ...]) -> Executable:
    statement = insert(model).values(parameters(model, names))
    return statement.returning(*mapped_columns(model))


@lru_cache(maxsize=1000)
def update_by_key(model: Model, names: tuple[str, ...], scope: tuple[str, ...] = ()) -> Executable:
    statement = update(model).where(*by_key(model, scope))
    return statement.values(parameters(model, names)).returning(*mapped_columns(model))


def validated(model: Model, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values as the `@validates` methods of a model return them.

    Attributes that such a method sets are added. It gets an object with these attributes only,
    without those of the row. `ClassManager.new_instance` creates an object as the ORM does for a
    row, without the model's `__init__`; it is not documented, and has no public equivalent. Checked
    with SQLAlchemy 2.1; tests/kit/test_validators.py fails when it changes.
    """
    mapper = inspect(model)
    if mapper.validators.keys().isdisjoint(values):
        return values
    # Configures the mappers where nothing has done so yet: without it nothing is validated.
    mapped = mapper.attrs
    draft = mapper.class_manager.new_instance()
    attributes = vars(draft)
    for name, value in values.items():
        if name in mapper.validators:
            setattr(draft, name, value)
        else:
            # Without the events of the ORM, which cost more than all else here.
            attributes[name] = value
    return {name: value for name, value in attributes.items() if name in values or name in mapped}


def parameters(model: Model, names: tuple[str, ...]) -> dict[Any, Any]:
    """Return a parameter for each column; raise TypeError for an unknown attribute."""
    columns = inspect(model).columns
    refuse_unknown(model, names)
    return {columns[name]: bindparam(f"{name}_", type_=columns[name].type) for name in names}


def refuse_unknown(model: Model, names: tuple[str, ...]) -> None:
    """Raise TypeError for names that are not attributes with a column."""
    columns = inspect(model).columns
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise TypeError(f"{model.__name__} has no column {', '.join(unknown)}")


def parameter_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of attributes by the names of their parameters()."""
    return {f"{name}_": value for name, value in values.items()}


def first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
