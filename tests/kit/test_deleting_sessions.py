"""Sessions mark rows as deleted, see living rows only, and count versions."""

from typing import Any

import pytest
from sqlalchemy import inspect, select, update
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.exc import StaleDataError

from tests.kit.books import (
    Book,
    Chapter,
    Shelf,
    ShelfLabel,
    add_deleted_book,
    create_tables,
    stored,
)
from kit.application import Service
from kit.db import Database, select_columns


@pytest.fixture
async def own(own_app: Service) -> Database:
    """Return a database with the tables of books."""
    database: Database = own_app.state.database
    await create_tables(database)
    return database


async def test_session_marks_what_it_deletes(own: Database) -> None:
    book = await own.insert(Book, title="a")
    async with own.write_sessions.begin() as session:
        row = await session.get(Book, book["id"], with_for_update=True)
        assert row is not None
        await session.delete(row)
        await session.flush()
        assert row not in session
        assert await session.get(Book, book["id"]) is None
    after = await stored(own, book["id"])
    assert after["deleted_at"] is not None
    assert after["version"] == 2


async def test_session_does_not_find_deleted_rows(own: Database) -> None:
    key = await add_deleted_book(own)
    async with own.write_sessions.begin() as session:
        assert await session.get(Book, key) is None
        assert await session.get(Book, key, with_for_update=True) is None
        option = {"include_deleted": True}
        row = await session.get(Book, key, execution_options=option)
        assert row is not None
        await session.refresh(row)
        row.deleted_at = None
    assert await own.row(Book, key)


async def test_rollback_keeps_the_row(own: Database) -> None:
    book = await own.insert(Book, title="a")
    async with own.write_sessions() as session:
        row = await session.get(Book, book["id"])
        await session.delete(row)
        await session.flush()
        await session.rollback()
    assert await own.row(Book, book["id"])


@pytest.mark.parametrize("load", [selectinload, joinedload], ids=["selectin", "joined"])
async def test_relationships_have_living_rows(own: Database, load: Any) -> None:  # noqa: ANN401
    shelf = await own.insert(Shelf, name="a")
    await own.insert(Book, title="living", shelf_id=shelf["id"])
    await add_deleted_book(own, shelf_id=shelf["id"])
    async with own.read_sessions() as session:
        loaded = (await session.scalars(select(Shelf).options(load(Shelf.books)))).unique().one()
        assert [book.title for book in loaded.books] == ["living"]
    async with own.read_sessions() as session:
        row = await session.get(Shelf, shelf["id"])
        assert row is not None
        titles = await session.run_sync(lambda _: [book.title for book in row.books])
        assert titles == ["living"]
    await own.delete(Shelf, shelf["id"])
    async with own.read_sessions() as session:
        books = (await session.scalars(select(Book).options(load(Book.shelf)))).unique().all()
        assert [book.shelf for book in books] == [None]
        await session.run_sync(lambda _: [book.shelf for book in books])


async def test_deletion_leaves_children_as_their_cascade_says(own: Database) -> None:
    shelf = await own.insert(Shelf, name="a")
    book = await own.insert(Book, title="a", shelf_id=shelf["id"])
    await own.insert(ShelfLabel, text="a", shelf_id=shelf["id"])
    async with own.write_sessions.begin() as session:
        row = await session.get(Shelf, shelf["id"], options=[selectinload(Shelf.labels)])
        await session.delete(row)
    assert await own.row(Shelf, shelf["id"]) is None
    assert (await stored(own, book["id"]))["shelf_id"] == shelf["id"]
    assert await own.rows(select_columns(ShelfLabel)) == []


async def test_session_counts_versions(own: Database) -> None:
    chapter = await own.insert(Chapter, title="a")
    async with own.write_sessions.begin() as session:
        row = await session.get(Chapter, chapter["id"])
        assert row is not None
        row.title = "b"
        await session.flush()
        assert row.version == 2
        await session.execute(update(Chapter).values(title="c"))
        await session.refresh(row)
        assert row.version == 3
    assert inspect(Chapter).eager_defaults is False


async def test_stale_object_changes_nothing(own: Database) -> None:
    chapter = await own.insert(Chapter, title="a")
    async with own.read_sessions() as session:
        row = await session.get(Chapter, chapter["id"])
    assert row is not None
    await own.update(Chapter, chapter["id"], title="b")
    async with own.write_sessions() as session:
        session.add(row)
        row.title = "c"
        with pytest.raises(StaleDataError):
            await session.flush()
    after = await own.row(Chapter, chapter["id"])
    assert after is not None
    assert (after["title"], after["version"]) == ("b", 2)
