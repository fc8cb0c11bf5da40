"""Turns violations of foreign keys into responses that name the reference.

SQLite does not say which foreign key refuses a change. So on every database, queries find it
afterwards, in foreign_keys.py.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from pydantic_core import MISSING
from sqlalchemy import Select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from kit._internal.database import dialect
from kit._internal.deletion import is_soft_deleted
from kit._internal.execution import StatementExecutor
from kit._internal.foreign_keys import (
    Reference,
    blocking_references,
    label_of,
    living_references,
    references_of,
    target_exists,
)
from kit._internal.owners import SESSION_KEY, Owner, OwnerError, owned_models
from kit._internal.problems import ConflictError, NotFoundError, raises
from kit._internal.statements import Model, hides_rows


class Rows(Protocol):
    """A Database, or a subset of its rows."""

    @property
    def executor(self) -> StatementExecutor: ...


@raises(404)
@asynccontextmanager
async def references(
    database: Rows | AsyncSession, model: Model, values: Mapping[str, Any]
) -> AsyncIterator[None]:
    """Raise NotFoundError (404) if a write in the context refers to a row that does not exist.

        async with references(database, Product, values):
            product = await database.insert(Product, **values)

    `values` are the attributes to write; those without a value are not checked. The error is of the
    kind category-not-found, and its detail names the attribute. Rows that the client does not see
    do not exist: those of another owner than that of OwnedRows, and deleted ones. Raises OwnerError
    for a reference to rows with an owner if `database` has none. Other errors pass. With a session,
    call its flush() in the context; the session is rolled back.

    The values of a subset are written, too. Its parents may have an owner that it does not have:
    what made it a subset has found them.
    """
    of_subset: Mapping[str, Any] = getattr(database, "values", {})
    written = {**of_subset, **values}
    owner = owner_of(database)
    for reference in references_of(model):
        if owner is None and of_subset.keys() >= {*reference.attributes}:
            continue
        if is_checked_before(reference, owner):
            await refuse_missing(database, reference, written, owner)
    try:
        yield
    except IntegrityError as error:
        if not dialect.breaks_reference(error):
            raise
        await roll_back(database)
        for reference in references_of(model):
            await refuse_missing(database, reference, written, None, error)
        raise


def is_checked_before(reference: Reference, owner: Owner | None) -> bool:
    """Return whether a foreign key may accept a row that routes do not see."""
    model = reference.target_model
    if model is None or not hides_rows(model):
        return False
    if model in owned_models and owner is None:
        raise OwnerError(
            f"{reference.name} refers to {model.__name__}, which has an owner: call references()"
            " with OwnedRows"
        )
    return True


async def refuse_missing(
    database: Rows | AsyncSession,
    reference: Reference,
    values: Mapping[str, Any],
    owner: Owner | None,
    cause: Exception | None = None,
) -> None:
    """Raise NotFoundError if a reference has a value, and no row that the owner sees."""
    written = [values.get(name) for name in reference.attributes]
    # A key with a part that is NULL refers to nothing (MATCH SIMPLE).
    if any(value is None or value is MISSING for value in written):
        return
    if not await has_rows(database, target_exists(reference, written, owner)):
        thing = reference.target_label
        raise NotFoundError(thing, f"{reference.name}: there is no such {thing}.") from cause


@raises(409)
@asynccontextmanager
async def unreferenced(
    database: Rows | AsyncSession, model: Model, key: object
) -> AsyncIterator[None]:
    """Raise ConflictError (409) if rows refer to a row that the context deletes.

        async with unreferenced(database, Category, category_id):
            is_deleted = await database.delete(Category, category_id)

    `key` is the primary key of the row; a tuple if it has several columns. The error is of the kind
    category-referenced, and its detail names the foreign key. Other errors pass. With a session,
    call its flush() in the context; the session is rolled back. A session finds violations of
    deferred constraints at the commit only, after the context.

    A soft-deleted model violates no foreign key: its references are read before. Another request
    may add one in between.
    """
    thing = label_of(model)
    kind = f"{thing.replace(' ', '-')}-referenced"
    if is_soft_deleted(model):
        # The row stays, so that no foreign key is violated.
        for name, statement in living_references(model, key):
            if await has_rows(database, statement):
                raise ConflictError(f"{name} refers to this {thing}.", kind)
    try:
        yield
    except IntegrityError as error:
        if not dialect.breaks_reference(error):
            raise
        await roll_back(database)
        for name, is_direct, statement in blocking_references(model, key):
            if await has_rows(database, statement):
                row = f"this {thing}" if is_direct else f"what is deleted with this {thing}"
                raise ConflictError(f"{name} refers to {row}.", kind) from error
        raise


def owner_of(database: Rows | AsyncSession) -> Owner | None:
    """Return the owner whose rows an object is for, or None."""
    if isinstance(database, AsyncSession):
        return database.info.get(SESSION_KEY)
    owner: Owner | None = getattr(database, "owner", None)
    return owner


async def roll_back(database: Rows | AsyncSession) -> None:
    """End the transaction of a session, which an error has made unusable."""
    if isinstance(database, AsyncSession):
        await database.rollback()


async def has_rows(database: Rows | AsyncSession, statement: Select[Any]) -> bool:
    """Return whether a statement has rows, regardless of owners."""
    if not isinstance(database, AsyncSession):
        return bool(await database.executor.read(statement, {}))
    if database.in_transaction():
        connection = await database.connection()
        return (await connection.execute(statement)).first() is not None
    return await database.run_sync(has_rows_apart, statement)


def has_rows_apart(session: Session, statement: Select[Any]) -> bool:
    """Return whether a statement has rows, in a session of its own.

    A session that was rolled back cannot be used in its context manager.
    """
    with Session(session.get_bind()) as other:
        return other.execute(statement).first() is not None
