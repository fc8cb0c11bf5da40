"""Rows that stay in the database when they are deleted: statements and sessions do not see them.

Models with `deleted_at` register here. From then on, statements of Database and of its sessions get
a condition, except those with `execution_options(include_deleted=True)`.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    CompoundSelect,
    Delete,
    Executable,
    Insert,
    Select,
    Table,
    Update,
    event,
)
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from kit._internal.sessions import RequestSession
from kit._internal.tables import columns_in, nested

# The execution option with which a statement reads and changes deleted rows, too.
INCLUDE_DELETED = "include_deleted"
# The execution option of statements that have the condition.
IS_LIMITED = "kit_is_limited"
# The key of Session.info with the rows that the running flush marks as deleted.
MARKED_KEY = "kit.marked"
# The models with deleted_at, and the mixin of all of them.
hidden_models: dict[type, type] = {}
# Statements that can have rows of models.
LIMITABLE = (Select, CompoundSelect, Insert, Update, Delete)


class DeletionError(TypeError):
    """Code would remove rows for good, or see deleted ones; the message says what to use."""


def register(model: type, mixin: type) -> None:
    """Make statements and sessions skip the deleted rows of a model from now on."""
    if not hidden_models:
        event.listen(RequestSession, "do_orm_execute", hide_deleted)
        event.listen(RequestSession, "before_flush", mark_deleted)
        event.listen(RequestSession, "after_flush_postexec", remove_marked)
    hidden_models[model] = mixin


@cache
def criteria_of(mixin: Any) -> Any:  # noqa: ANN401
    """Return the option that limits all models in a statement, also in joins and subqueries."""
    return with_loader_criteria(
        mixin, lambda model: model.deleted_at.is_(None), include_aliases=True
    )


def is_soft_deleted(model: type) -> bool:
    """Return whether deleted rows of a model stay in the database."""
    return model in hidden_models


def now() -> datetime:
    return datetime.now(UTC)


def without_deleted(statement: Executable) -> Executable:
    """Return a statement that neither reads nor changes deleted rows.

    Raises DeletionError for DELETE, and for tables (instead of models) in subqueries and aliases,
    which cannot be limited. Text is not parsed: SQL has to have the condition itself.
    """
    if not hidden_models or not isinstance(statement, LIMITABLE):
        return statement
    if isinstance(statement, Insert) and statement.select is None:
        return statement
    known = statement.get_execution_options()
    if known.get(INCLUDE_DELETED) or known.get(IS_LIMITED):
        return statement
    if isinstance(statement, Delete):
        refuse_delete(statement)
    if not is_of_models(statement):
        limited: Executable = limit_tables(statement)
        return limited
    options = [criteria_of(mixin) for mixin in set(hidden_models.values())]
    return statement.options(*options).execution_options(**{IS_LIMITED: True})


def is_of_models(statement: Any) -> bool:  # noqa: ANN401
    """Return whether the ORM compiles a statement, so that its options apply.

    `_propagate_attrs` is what ORMExecuteState.is_orm_statement reads in a session; there is no
    public way outside of one. Checked with SQLAlchemy 2.1; tests/kit/test_soft_deletion.py fails
    when it changes.
    """
    plugin: object = statement._propagate_attrs.get("compile_state_plugin")  # noqa: SLF001
    return plugin == "orm"


def refuse_delete(statement: Delete) -> None:
    """Raise DeletionError for a DELETE of rows that should stay."""
    for table in hidden_columns(statement.table):
        raise DeletionError(
            f"DELETE removes rows of {table.name} for good: use delete() of Database or of a"
            " session, or execution_options(include_deleted=True)"
        )


def limit_tables(statement: Any) -> Any:  # noqa: ANN401
    """Return a statement on tables, not on models, with a condition for each of them."""
    columns = hidden_columns(statement)
    if not columns:
        return statement
    is_nested = any(hidden_columns(element) for element in nested(statement))
    if is_nested or not isinstance(statement, Select | Update | Delete):
        names = ", ".join(table.name for table in columns)
        raise DeletionError(
            f"deleted rows of {names} in a subquery, an alias or a union of tables: use models, or"
            " execution_options(include_deleted=True)"
        )
    return statement.where(*(column.is_(None) for column in columns.values()))


def hidden_columns(statement: Any) -> dict[Table, Column[Any]]:  # noqa: ANN401
    """Return the tables in a statement whose deleted rows stay, each with its deleted_at."""
    return columns_in(statement, hidden_models, "deleted_at")


def hide_deleted(state: ORMExecuteState) -> None:
    """Limit a statement of a session to rows that are not deleted."""
    # The other columns of a row that the session has.
    if state.is_column_load and not state.is_relationship_load:
        return
    if not state.execution_options.get(INCLUDE_DELETED):
        state.statement = without_deleted(state.statement)


def mark_deleted(session: Session, _context: object, _instances: object) -> None:
    """Set deleted_at of rows that a session would delete, so that the flush updates them."""
    marked = [row for row in session.deleted if is_soft_deleted(type(row))]
    for row in marked:
        session.add(row)
        if row.deleted_at is None:
            row.deleted_at = now()
    # Those of a flush that failed are not marked any more.
    session.info[MARKED_KEY] = marked


def remove_marked(session: Session, _context: object) -> None:
    """Remove rows that are marked now from the session, whose get() would return them."""
    for row in session.info.pop(MARKED_KEY, ()):
        if row in session:
            session.expunge(row)
