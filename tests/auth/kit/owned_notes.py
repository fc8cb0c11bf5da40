"""Notes that have an owner, in a table of the tests' own, and routes for them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from app.db import ServiceDatabase, database
from kit.application import Service
from kit.auth.owners import OwnedRows, owned_rows
from kit.db import Database, select_columns
from kit.errors import NotFoundError
from kit.models import Owned, UUIDKey
from kit.pagination import PageQuery, read_page

NoteRows = Annotated[OwnedRows, owned_rows(database, everyone="notes:admin")]


class OwnBase(DeclarativeBase):
    """Keeps the tables out of the metadata that migrations are compared with."""


class Shelf(UUIDKey, OwnBase):
    """Has no owner."""

    __tablename__ = "shelves_of_tests"

    notes: Mapped[list["OwnedNote"]] = relationship(lazy="raise")


class OwnedNote(Owned, UUIDKey, OwnBase):
    __tablename__ = "owned_notes_of_tests"

    text: Mapped[str]
    shelf_id: Mapped[UUID | None] = mapped_column(ForeignKey(Shelf.id))


class OwnedTag(Owned, UUIDKey, OwnBase):
    """Has an owner, and refers to a row that has one."""

    __tablename__ = "owned_tags_of_tests"

    note_id: Mapped[UUID] = mapped_column(ForeignKey(OwnedNote.id))


class Comment(UUIDKey, OwnBase):
    """Has no owner, and refers to a row that has one."""

    __tablename__ = "comments_of_tests"

    note_id: Mapped[UUID] = mapped_column(ForeignKey(OwnedNote.id))


async def create_tables(opened: Database) -> None:
    async with opened.write_engine.begin() as connection:
        await connection.run_sync(OwnBase.metadata.create_all)


async def all_texts(opened: Database) -> dict[str, str]:
    """Return the texts of all notes by their owners."""
    rows = await OwnedRows(opened, "tests", everyone=True).rows(select_columns(OwnedNote))
    return {row["owner"]: row["text"] for row in rows}


def add_note_routes(app: Service) -> None:
    """Add the routes of notes, which only the client's own exist for."""
    router = APIRouter(prefix="/owned-notes")

    @router.post("", status_code=201)
    async def create_note(text: str, rows: NoteRows) -> dict[str, Any]:
        return await rows.insert(OwnedNote, text=text)

    @router.get("")
    async def list_notes(query: Annotated[PageQuery, Query()], rows: NoteRows) -> dict[str, Any]:
        return await read_page(rows, OwnedNote, query, [OwnedNote.text != "hidden"])

    @router.get("/{note_id}")
    async def get_note(note_id: UUID, rows: NoteRows) -> dict[str, Any]:
        return existing(await rows.row(OwnedNote, note_id))

    @router.patch("/{note_id}")
    async def update_note(note_id: UUID, text: str, rows: NoteRows) -> dict[str, Any]:
        return existing(await rows.update(OwnedNote, note_id, text=text))

    @router.put("/{note_id}")
    async def touch_note(note_id: UUID, rows: NoteRows) -> dict[str, Any]:
        return existing(await rows.update(OwnedNote, note_id))

    @router.delete("/{note_id}", status_code=204)
    async def delete_note(note_id: UUID, rows: NoteRows) -> None:
        if not await rows.delete(OwnedNote, note_id):
            raise NotFoundError("note")

    app.include_router(router)
    add_more_routes(app)


def add_more_routes(app: Service) -> None:
    """Add a route with a session, and one that forgets the owner."""
    router = APIRouter(prefix="/owned-notes")

    @router.delete("/{note_id}/session", status_code=204)
    async def delete_in_session(note_id: UUID, rows: NoteRows) -> None:
        async with rows.write_session() as session:
            note = await session.get(OwnedNote, note_id, with_for_update=True)
            if note is None:
                raise NotFoundError("note")
            await session.delete(note)

    @router.get("/{note_id}/forgetful")
    async def forget_owner(note_id: UUID, opened: ServiceDatabase) -> dict[str, Any]:
        return existing(await opened.row(OwnedNote, note_id))

    app.include_router(router)


def existing(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        raise NotFoundError("note")
    return row
