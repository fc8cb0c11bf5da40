"""References to rows that have an owner, and subsets of such rows."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from tests.auth.owned_notes import Comment, OwnedNote, OwnedTag, Shelf, create_tables
from kit.application import Service
from kit.auth.owners import OwnedRows, OwnerError
from kit.db import Database, references, unreferenced
from kit.errors import ConflictError, NotFoundError
from kit.pagination import PageQuery, read_page


@pytest.fixture
async def notes(own_app: Service) -> Database:
    """Return a database with the tables of notes."""
    database: Database = own_app.state.database
    await create_tables(database)
    return database


@pytest.fixture
def ada(notes: Database) -> OwnedRows:
    return OwnedRows(notes, "ada")


@pytest.fixture
def bob(notes: Database) -> OwnedRows:
    return OwnedRows(notes, "bob")


@pytest.fixture
async def note_id(ada: OwnedRows) -> UUID:
    """Return the key of a note of ada."""
    key: UUID = (await ada.insert(OwnedNote, text="note"))["id"]
    return key


async def add_tag(rows: OwnedRows, note_id: UUID) -> None:
    async with references(rows, OwnedTag, {"note_id": note_id}):
        await rows.insert(OwnedTag, note_id=note_id)


async def test_own_row_may_be_referred_to(ada: OwnedRows, note_id: UUID) -> None:
    await add_tag(ada, note_id)
    assert [row["note_id"] for row in await ada.rows(select(OwnedTag.note_id))] == [note_id]


async def test_row_of_another_does_not_exist(bob: OwnedRows, note_id: UUID) -> None:
    with pytest.raises(NotFoundError) as of_another:
        await add_tag(bob, note_id)
    with pytest.raises(NotFoundError) as missing:
        await add_tag(bob, uuid4())
    assert of_another.value.kind == missing.value.kind == "owned-note-not-found"
    assert of_another.value.detail == missing.value.detail
    assert not await bob.rows(select(OwnedTag.id))


async def test_everyone_refers_to_every_row(notes: Database, note_id: UUID) -> None:
    admin = OwnedRows(notes, "admin", everyone=True)
    await add_tag(admin, note_id)
    with pytest.raises(NotFoundError, match="note_id"):
        await add_tag(admin, uuid4())


async def test_session_refers_to_rows_of_its_owner(
    ada: OwnedRows, bob: OwnedRows, note_id: UUID
) -> None:
    async def add_in_session(rows: OwnedRows) -> None:
        values = {"note_id": note_id}
        async with rows.write_session() as session, references(session, OwnedTag, values):
            session.add(OwnedTag(**values))
            await session.flush()

    await add_in_session(ada)
    with pytest.raises(NotFoundError):
        await add_in_session(bob)


async def test_row_without_an_owner_refers_to_one_with(
    notes: Database, ada: OwnedRows, bob: OwnedRows, note_id: UUID
) -> None:
    values = {"note_id": note_id}

    async def add_comment(rows: Database | OwnedRows) -> None:
        async with references(rows, Comment, values):
            await notes.insert(Comment, **values)

    with pytest.raises(OwnerError, match="note_id refers to OwnedNote, which has an owner"):
        await add_comment(notes)
    with pytest.raises(NotFoundError):
        await add_comment(bob)
    await add_comment(ada)
    with pytest.raises(ConflictError, match=r"comments_of_tests\.note_id refers to this owned"):
        async with unreferenced(ada, OwnedNote, note_id):
            await ada.delete(OwnedNote, note_id)


async def test_subset_has_rows_of_the_owner_only(
    notes: Database, ada: OwnedRows, bob: OwnedRows
) -> None:
    shelf_id = (await notes.insert(Shelf))["id"]
    on_shelf = ada.subset(shelf_id=shelf_id)
    note = await on_shelf.insert(OwnedNote, text="on the shelf")
    other = await ada.insert(OwnedNote, text="elsewhere")
    await bob.subset(shelf_id=shelf_id).insert(OwnedNote, text="of bob")
    assert (note["owner"], note["shelf_id"]) == ("ada", shelf_id)
    page = await read_page(on_shelf, OwnedNote, PageQuery())
    assert page["items"] == [note]
    assert await on_shelf.row(OwnedNote, other["id"]) is None
    assert await on_shelf.update(OwnedNote, other["id"], text="changed") is None
    assert not await on_shelf.delete(OwnedNote, other["id"])
    with pytest.raises(OwnerError):
        await on_shelf.insert(OwnedNote, text="note", owner="bob")
    with pytest.raises(TypeError, match="the subset sets shelf_id"):
        await on_shelf.update(OwnedNote, note["id"], shelf_id=None)


async def test_everyone_may_choose_an_owner_for_a_subset(
    notes: Database, ada: OwnedRows, note_id: UUID
) -> None:
    of_ada = OwnedRows(notes, "admin", everyone=True).subset(owner="ada")
    note = await of_ada.insert(OwnedNote, text="by admin")
    assert await ada.row(OwnedNote, note["id"]) == note
    assert len(await of_ada.rows(select(OwnedNote.id))) == 2
    with pytest.raises(TypeError, match="a value of owner already"):
        ada.subset(owner="bob")


async def test_database_has_no_subset_of_owned_rows(notes: Database) -> None:
    subset = notes.subset(text="note")
    with pytest.raises(OwnerError):
        await subset.row(OwnedNote, uuid4())
    with pytest.raises(OwnerError):
        await subset.rows(select(OwnedNote.id))
