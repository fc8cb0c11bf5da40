"""Seeds: missing rows are inserted in one transaction, and existing rows stay as they are."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tests.kit.notes import Note, count_notes, create_tables
from kit.application import Service
from kit.db import Database
from kit.seeds import ensure, run
from kit.testing import only


@pytest.fixture
async def notes(own_app: Service) -> Database:
    """Return a database with the tables of notes."""
    database: Database = own_app.state.database
    await create_tables(database)
    return database


async def two_notes(session: AsyncSession) -> None:
    await ensure(session, Note, by="title", rows=[{"title": "first"}, {"title": "second"}])


async def test_rows_are_inserted_once(own_app: Service, notes: Database) -> None:
    assert await run(own_app, notes, two_notes) == {"notes_of_tests": 2}
    assert await run(own_app, notes, two_notes) == {}
    assert await count_notes(notes) == 2


async def test_only_missing_rows_are_inserted(own_app: Service, notes: Database) -> None:
    await notes.insert(Note, id=7, title="second")
    assert await run(own_app, notes, two_notes) == {"notes_of_tests": 1}
    assert [row["id"] for row in await notes.rows(select(Note.id).filter_by(title="second"))] == [7]


async def test_existing_row_keeps_its_other_values(own_app: Service, notes: Database) -> None:
    await notes.insert(Note, id=7, title="changed since")

    async def seed(session: AsyncSession) -> None:
        note = only(await ensure(session, Note, by=["id"], rows=[{"id": 7, "title": "first"}]))
        assert note.title == "changed since"

    assert await run(own_app, notes, seed) == {}


async def test_all_rows_are_returned_in_order(own_app: Service, notes: Database) -> None:
    await notes.insert(Note, id=7, title="second")
    titles = ["third", "second", "third"]

    async def seed(session: AsyncSession) -> None:
        notes = await ensure(session, Note, by="title", rows=[{"title": name} for name in titles])
        assert [note.title for note in notes] == titles
        assert notes[1].id == 7
        assert notes[0] is notes[2]

    assert await run(own_app, notes, seed) == {"notes_of_tests": 1}


async def test_error_undoes_all_rows(own_app: Service, notes: Database) -> None:
    async def seed(session: AsyncSession) -> None:
        await two_notes(session)
        await ensure(session, Note, by="title", rows=[{"id": 1}])

    with pytest.raises(ValueError, match="a row of Note has no title"):
        await run(own_app, notes, seed)
    assert await count_notes(notes) == 0
