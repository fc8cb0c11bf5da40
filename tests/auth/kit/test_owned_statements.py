"""Statements and sessions for rows that have an owner: none reads or changes those of others."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Executable, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, selectinload

from tests.auth.owned_notes import OwnedNote, Shelf, all_texts, create_tables
from kit.application import Service
from kit.auth.owners import OwnedRows, OwnerError
from kit.db import Database, select_columns
from kit.pagination import PageQuery, read_page
from kit.testing import only

FORGETFUL = [
    select(OwnedNote),
    select_columns(OwnedNote),
    select(func.count()).select_from(OwnedNote),
    select(Shelf).where(Shelf.notes.any()),
    update(OwnedNote).values(text="changed"),
    delete(OwnedNote),
    insert(OwnedNote).values(text="new", owner="ada"),
]


@pytest.fixture
async def notes(own_app: Service) -> Database:
    """Return a database with the tables of notes."""
    database: Database = own_app.state.database
    await create_tables(database)
    return database


async def test_database_refuses_models_with_an_owner(notes: Database) -> None:
    key = "01890000-0000-7000-8000-000000000000"
    with pytest.raises(OwnerError):
        await notes.row(OwnedNote, key)
    with pytest.raises(OwnerError):
        await notes.insert(OwnedNote, text="new", owner="ada")
    with pytest.raises(OwnerError):
        await notes.update(OwnedNote, key)
    with pytest.raises(OwnerError):
        await notes.update(OwnedNote, key, text="changed")
    with pytest.raises(OwnerError):
        await notes.delete(OwnedNote, key)
    with pytest.raises(OwnerError):
        await read_page(notes, OwnedNote, PageQuery())


@pytest.mark.parametrize("statement", FORGETFUL, ids=str)
async def test_statement_without_an_owner_is_refused(
    notes: Database, statement: Executable
) -> None:
    with pytest.raises(OwnerError, match="owned_notes_of_tests have an owner"):
        await notes.rows(statement)
    async with notes.write_sessions() as session:
        with pytest.raises(OwnerError, match="owned_notes_of_tests have an owner"):
            await session.execute(statement)


async def test_models_without_an_owner_are_not_restricted(notes: Database) -> None:
    shelf = await notes.insert(Shelf)
    assert await notes.row(Shelf, shelf["id"]) == shelf
    assert only(await notes.rows(select_columns(Shelf))) == shelf
    rows = OwnedRows(notes, "ada")
    assert only(await rows.rows(select_columns(Shelf))) == shelf
    for action in (rows.row(Shelf, shelf["id"]), rows.delete(Shelf, shelf["id"])):
        with pytest.raises(OwnerError, match="Shelf has no owner"):
            await action
    with pytest.raises(OwnerError, match="Shelf has no owner"):
        await rows.insert(Shelf)


async def test_client_cannot_choose_the_owner(notes: Database) -> None:
    rows = OwnedRows(notes, "ada")
    with pytest.raises(OwnerError, match="is not chosen"):
        await rows.insert(OwnedNote, text="new", owner="bob")
    note = await rows.insert(OwnedNote, text="new")
    with pytest.raises(OwnerError, match="is not chosen"):
        await rows.update(OwnedNote, note["id"], owner="bob")


async def test_everyone_may_give_rows_away(notes: Database) -> None:
    note = await OwnedRows(notes, "ada").insert(OwnedNote, text="new")
    everyone = OwnedRows(notes, "admin", everyone=True)
    await everyone.update(OwnedNote, note["id"], owner="bob")
    assert await OwnedRows(notes, "ada").row(OwnedNote, note["id"]) is None
    assert await OwnedRows(notes, "bob").row(OwnedNote, note["id"])


async def add_two(notes: Database) -> tuple[OwnedRows, UUID]:
    """Add a shelf with a note of Ada and one of Bob; return Ada's rows, and the shelf's id."""
    shelf = await notes.insert(Shelf)
    rows = OwnedRows(notes, "ada")
    await rows.insert(OwnedNote, text="a", shelf_id=shelf["id"])
    await OwnedRows(notes, "bob").insert(OwnedNote, text="b", shelf_id=shelf["id"])
    return rows, shelf["id"]


async def test_statements_are_limited_to_the_owner(notes: Database) -> None:
    rows, shelf_id = await add_two(notes)
    assert only(await rows.rows(select_columns(OwnedNote)))["text"] == "a"
    count = select(func.count().label("count")).select_from(OwnedNote)
    assert await rows.rows(count) == [{"count": 1}]
    joined = select(Shelf.id, OwnedNote.text).join(Shelf.notes)
    assert await rows.rows(joined) == [{"id": shelf_id, "text": "a"}]
    changed = await rows.rows(update(OwnedNote).values(text="c").returning(OwnedNote.text))
    assert changed == [{"text": "c"}]
    assert await all_texts(notes) == {"ada": "c", "bob": "b"}
    await rows.rows(delete(OwnedNote))
    assert await all_texts(notes) == {"bob": "b"}


async def test_statement_that_cannot_be_limited_is_refused(notes: Database) -> None:
    rows, _ = await add_two(notes)
    note = aliased(OwnedNote)
    subquery = select(OwnedNote.text).subquery()
    for statement in (
        select(note.text),
        select(subquery.c.text),
        select(Shelf.id).where(Shelf.notes.any(OwnedNote.text == "b")),
        select(OwnedNote.text).union(select(OwnedNote.owner)),
        insert(OwnedNote).values(text="new", owner="bob"),
    ):
        with pytest.raises(OwnerError):
            await rows.rows(statement)
    assert await all_texts(notes) == {"ada": "a", "bob": "b"}


async def seen_in(session: AsyncSession, shelf_id: UUID) -> list[list[str]]:
    """Return the texts that a session sees, in each way to read them."""
    note = aliased(OwnedNote)
    shelf = await session.get(Shelf, shelf_id, options=[selectinload(Shelf.notes)])
    assert shelf is not None
    statements: list[Any] = [
        select(OwnedNote.text),
        select(note.text),
        select(select(OwnedNote.text).subquery().c.text),
        select(OwnedNote.text).join(Shelf).where(Shelf.id == shelf_id),
        select(OwnedNote.__table__.c.text),
        select_columns(OwnedNote).with_only_columns(OwnedNote.text),
    ]
    seen = [sorted(note.text for note in shelf.notes)]
    for statement in statements:
        texts = await session.scalars(statement)
        seen.append(sorted(texts))
    return seen


async def test_session_sees_the_rows_of_its_owner(notes: Database) -> None:
    rows, shelf_id = await add_two(notes)
    async with rows.read_session() as session:
        assert await seen_in(session, shelf_id) == [["a"]] * 7
        # What it does not see does not count in conditions.
        with_bobs = select(Shelf.id).where(Shelf.notes.any(OwnedNote.text == "b"))
        assert (await session.scalars(with_bobs)).all() == []
    async with OwnedRows(notes, "admin", everyone=True).read_session() as session:
        assert await seen_in(session, shelf_id) == [["a", "b"]] * 7


async def test_session_changes_the_rows_of_its_owner(notes: Database) -> None:
    rows, _ = await add_two(notes)
    async with rows.write_session() as session:
        await session.execute(update(OwnedNote).values(text="c"))
    assert await all_texts(notes) == {"ada": "c", "bob": "b"}
    async with rows.write_session() as session:
        await session.execute(delete(OwnedNote))
        session.add(OwnedNote(text="new"))
    assert await all_texts(notes) == {"ada": "new", "bob": "b"}


async def add_for_bob(session: AsyncSession) -> None:
    session.add(OwnedNote(text="new", owner="bob"))


async def give_to_bob(session: AsyncSession) -> None:
    note = (await session.scalars(select(OwnedNote))).one()
    note.owner = "bob"


async def insert_for_bob(session: AsyncSession) -> None:
    await session.execute(insert(OwnedNote), [{"text": "new", "owner": "bob"}])


@pytest.mark.parametrize("change", [add_for_bob, give_to_bob, insert_for_bob])
async def test_session_gives_no_rows_to_others(
    notes: Database, change: Callable[[AsyncSession], Awaitable[None]]
) -> None:
    rows, _ = await add_two(notes)
    with pytest.raises(OwnerError):
        await in_session(rows, change)
    assert await all_texts(notes) == {"ada": "a", "bob": "b"}
    await in_session(OwnedRows(notes, "admin", everyone=True), add_for_bob)


async def in_session(rows: OwnedRows, change: Callable[[AsyncSession], Awaitable[None]]) -> None:
    async with rows.write_session() as session:
        await change(session)


async def test_session_without_an_owner_adds_no_row_without_one(notes: Database) -> None:
    with pytest.raises(IntegrityError):
        async with notes.write_sessions.begin() as session:
            session.add(OwnedNote(text="new"))
