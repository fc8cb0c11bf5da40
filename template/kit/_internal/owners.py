"""Statements and sessions for rows that have an owner: they read and change no others.

Models with an owner register here. From then on, statements and sessions of Database refuse them,
and those of OwnedRows get a condition, so that a route cannot forget it.
"""

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    Column,
    Delete,
    Executable,
    Select,
    Table,
    Update,
    event,
)
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from kit._internal.sessions import RequestSession
from kit._internal.tables import columns_in, nested

# The key of Session.info with the Owner for whom a session was opened.
SESSION_KEY = "kit.owner"
# The models with an owner, and the mixin of all of them.
owned_models: dict[type, type] = {}


class OwnerError(TypeError):
    """Code uses rows that have an owner without saying whose; the message says what to use."""


@dataclass(frozen=True)
class Owner:
    """Who owns new rows, and whether all rows may be used, also those of others.

    An empty `subject` owns none: each new row names its owner.
    """

    subject: str
    is_everyone: bool = False


def register(model: type, mixin: type) -> None:
    """Make statements and sessions refuse a model from now on, unless they are for an owner."""
    if not owned_models:
        event.listen(RequestSession, "do_orm_execute", restrict_statement)
        event.listen(RequestSession, "before_flush", set_owners)
    owned_models[model] = mixin


def refuse_model(model: type) -> None:
    """Raise OwnerError for a model with an owner."""
    if model in owned_models:
        raise OwnerError(
            f"{model.__name__} has an owner: use OwnedRows of kit.auth.owners instead of Database"
        )


def refuse_statement(statement: Executable) -> None:
    """Raise OwnerError for a statement with a table whose rows have an owner.

    Text is not parsed: SQL has to have the condition itself.
    """
    for table in owner_columns(statement):
        raise OwnerError(
            f"rows of {table.name} have an owner: use rows(), read_session() or write_session() of"
            " OwnedRows in kit.auth.owners"
        )


def owned_by(statement: Executable, owner: Owner) -> Executable:
    """Return a statement for the rows of an owner only.

    Raises OwnerError if that cannot be added: for INSERT, and for tables in subqueries and aliases.
    """
    if owner.is_everyone:
        return statement
    columns = owner_columns(statement)
    if not columns:
        return statement
    if not isinstance(statement, Select | Update | Delete):
        raise OwnerError(f"{type(statement).__name__} cannot be limited to an owner's rows")
    for element in nested(statement):
        if owner_columns(element):
            raise OwnerError(
                "rows of an owner in a subquery or an alias: use read_session() or write_session()"
                " of OwnedRows, with statements on models"
            )
    conditions = [column == owner.subject for column in columns.values()]
    return cast("Executable", statement.where(*conditions))


def owner_columns(statement: Executable) -> dict[Table, Column[str]]:
    """Return the tables in a statement whose rows have an owner, each with its column."""
    return columns_in(statement, owned_models, "owner")


def restrict_statement(state: ORMExecuteState) -> None:
    """Limit a statement of a session to the rows of its owner; refuse it without an owner."""
    # The other columns of a row that the session has.
    if state.is_column_load and not state.is_relationship_load:
        return
    owner: Owner | None = state.session.info.get(SESSION_KEY)
    if owner is None:
        refuse_statement(state.statement)
    elif owner.is_everyone:
        return
    elif state.is_orm_statement and not state.is_insert:
        for mixin in set(owned_models.values()):
            state.statement = state.statement.options(criteria_of(mixin, owner.subject))
    else:
        state.statement = owned_by(state.statement, owner)


def criteria_of(mixin: Any, subject: str) -> Any:  # noqa: ANN401
    """Return the option with which all models in a statement, also in joins, are limited."""
    return with_loader_criteria(mixin, lambda model: model.owner == subject, include_aliases=True)


def set_owners(session: Session, _context: object, _instances: object) -> None:
    """Set the owner of new rows; raise OwnerError where a session gives a row to another."""
    owner: Owner | None = session.info.get(SESSION_KEY)
    if owner is None:
        return
    for row in [*session.new, *session.dirty]:
        if type(row) not in owned_models:
            continue
        if row in session.new and row.owner is None and owner.subject:
            row.owner = owner.subject
        elif row.owner != owner.subject and not owner.is_everyone:
            raise OwnerError(f"a session for one owner cannot give {type(row).__name__} to another")
