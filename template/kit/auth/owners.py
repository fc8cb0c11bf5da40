"""Rows that have an owner: routes see and change those of their client, as if no others existed.

    class Note(Owned, UUIDKey, Base):
        __tablename__ = "notes"
        text: Mapped[str]

    NoteRows = Annotated[OwnedRows, owned_rows(database, everyone="notes:admin")]

    @router.get("/{note_id}", responses=problem_responses(404))
    async def get_note(note_id: UUID, rows: NoteRows) -> NoteRead:
        note = await rows.row(Note, note_id)
        if note is None:
            raise NotFoundError("note")
        return NoteRead.model_validate(note)

`Owned` is in kit.models. Database refuses these models, so that no route forgets the owner. The row
of another client is answered with 404: 403 would say that it exists.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import copy
from typing import Any, Self

from fastapi import Depends
from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from kit._internal.auth.callers import service_of
from kit._internal.owners import SESSION_KEY, Owner, OwnerError, owned_by, owned_models
from kit._internal.statements import Model, delete_by_key, select_by_key, update_by_key
from kit._internal.subsets import limit
from kit.auth import CurrentPrincipal
from kit.db import Database, Source, Subset

__all__ = ["OwnedRows", "OwnerError", "owned_rows"]


class OwnedRows(Subset):
    """The rows of one owner, with the methods of Database for models that have an owner.

    The rows of others do not exist: row() and update() return None, delete() returns False. New
    rows belong to `owner`. `everyone` gives access to all rows, such as in a job:
    `OwnedRows(database, "import", everyone=True)`.

    insert() and update() raise OwnerError for another owner; rows() raises it for INSERT, and for
    tables that have an owner in subqueries and aliases. The sessions of a subset() see all rows of
    the owner.
    """

    database: Database

    def __init__(self, database: Database, owner: str, *, everyone: bool = False) -> None:
        super().__init__(database, {} if everyone else {"owner": owner})
        self.owner = Owner(owner, everyone)

    def with_values(self, values: Mapping[str, object]) -> Self:
        subset = copy(self)
        Subset.__init__(subset, self.database, values)
        return subset

    @asynccontextmanager
    async def read_session(self) -> AsyncIterator[AsyncSession]:
        """Open a read-only session that sees the rows of the owner only.

        That applies to statements on models, also to joins, subqueries and relationships.
        """
        async with self.database.read_sessions(info={SESSION_KEY: self.owner}) as session:
            yield session

    @asynccontextmanager
    async def write_session(self) -> AsyncIterator[AsyncSession]:
        """Open a session like read_session() that commits at the end, and rolls back on an error.

        New objects get the owner. Raises OwnerError where it gives a row to another.
        """
        session = self.database.write_sessions(info={SESSION_KEY: self.owner})
        async with session, session.begin():
            yield session

    def of_owner(self, model: Model, action: str, names: tuple[str, ...] = ()) -> Executable:
        """Return the statement of row(), update() or delete(), to execute with parameters()."""
        self.check(model)
        match action:
            case "row":
                return select_by_key(model, self.names)
            case "update":
                return update_by_key(model, names, self.names)
            case _:
                return delete_by_key(model, self.names)

    @property
    def inserted_values(self) -> dict[str, object]:
        return {"owner": self.owner.subject, **self.values}

    def check(self, model: Model) -> None:
        """Raise OwnerError for a model that has no owner: its rows would not be limited."""
        if model not in owned_models:
            raise OwnerError(
                f"{model.__name__} has no owner: use Database, or the mixin kit.models.Owned"
            )

    def limit(self, statement: Executable) -> Executable:
        values = dict(self.values)
        if not self.owner.is_everyone:
            del values["owner"]
        return limit(owned_by(statement, self.owner), values)

    def refuse_fixed(self, model: Model, values: Mapping[str, object]) -> None:
        self.refuse_owner_in(model, values)
        super().refuse_fixed(model, values)

    def refuse_owner_in(self, model: Model, values: Mapping[str, object]) -> None:
        """Raise OwnerError if the values, which clients may choose, name an owner."""
        self.check(model)
        if "owner" in values and not self.owner.is_everyone:
            raise OwnerError(f"the owner of {model.__name__} is not chosen: leave it out")


def owned_rows(source: Source, *, everyone: str | None = None) -> Any:  # noqa: ANN401
    """Return a dependency for the rows of the client, with type OwnedRows.

    Clients with the permission `everyone` see and change all rows. Without authentication, the
    owner is "anonymous", and everyone has that permission. The dependency requires an authenticated
    client: it counts as a guard.
    """

    async def rows_of_client(connection: HTTPConnection, principal: CurrentPrincipal) -> OwnedRows:
        sees_everyone = False
        if everyone is not None:
            is_open = service_of(connection).authenticator is None
            sees_everyone = is_open or everyone in principal.permissions
        return OwnedRows(source.of(connection), principal.subject, everyone=sees_everyone)

    return Depends(rows_of_client)
