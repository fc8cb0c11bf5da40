"""Seeds of rows that have an owner: each names its owner, and no row gets another one."""

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tests.auth.owned_notes import OwnedNote, all_texts, create_tables
from kit.application import Service
from kit.db import Database
from kit.seeds import ensure, run


@pytest.fixture
async def notes(own_app: Service) -> Database:
    """Return a database with the tables of notes."""
    database: Database = own_app.state.database
    await create_tables(database)
    return database


async def test_rows_of_several_owners_are_inserted_once(own_app: Service, notes: Database) -> None:
    async def seed(session: AsyncSession) -> None:
        rows = [{"owner": "ada", "text": "note"}, {"owner": "bob", "text": "note"}]
        await ensure(session, OwnedNote, by=("owner", "text"), rows=rows)

    assert sum((await run(own_app, notes, seed)).values()) == 2
    assert await run(own_app, notes, seed) == {}
    assert await all_texts(notes) == {"ada": "note", "bob": "note"}


async def test_row_without_an_owner_is_refused(own_app: Service, notes: Database) -> None:
    async def seed(session: AsyncSession) -> None:
        await ensure(session, OwnedNote, by="text", rows=[{"text": "note"}])

    with pytest.raises(ValueError, match=r"a row of OwnedNote needs an owner, such as str\(user"):
        await run(own_app, notes, seed)


async def test_added_row_gets_no_owner(own_app: Service, notes: Database) -> None:
    async def seed(session: AsyncSession) -> None:
        session.add(OwnedNote(text="note"))

    with pytest.raises(IntegrityError):
        await run(own_app, notes, seed)
