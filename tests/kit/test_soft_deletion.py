"""Rows that stay when they are deleted: nothing sees them, unless it says so."""

from typing import Any, cast
from uuid import uuid4

import pytest
from sqlalchemy import (
    Executable,
    Table,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from tests.kit.books import Book, Chapter, Shelf, add_deleted_book, create_tables, stored
from kit.application import Service
from kit.db import Database, references, select_columns, unique, unreferenced
from kit.errors import ConflictError, NotFoundError
from kit.models import DeletionError
from kit.pagination import PageQuery, read_page

BOOKS = cast("Table", Book.__table__)
SHELVES = cast("Table", Shelf.__table__)
OTHER = aliased(Book)
HAS_SHELF = Book.shelf_id == Shelf.id
# Statements whose rows come from books.
STATEMENTS: dict[str, Any] = {
    "columns": select(Book.id),
    "model": select(Book),
    "alias": select(OTHER.id),
    "subquery": select(select(Book.id).subquery().c.id),
    "scalar subquery": select(literal(1)).where(select(Book.id).exists()),
    "exists": select(Shelf.id).where(exists().where(HAS_SHELF)),
    "in": select(Shelf.id).where(Shelf.id.in_(select(Book.shelf_id))),
    "any": select(Shelf.id).where(Shelf.books.any()),
    "join": select(Shelf.id).join(Book, HAS_SHELF),
    "relationship": select(Shelf.id).join(Shelf.books),
    "alias in a join": select(Shelf.id).join(OTHER, OTHER.shelf_id == Shelf.id),
    "union": union_all(select(Book.id), select(Book.id)),
    "cte": select(select(Book.id).cte("books").c.id),
    "locked": select(Book.id).with_for_update(),
    "table": select(BOOKS),
    "column of the table": select(BOOKS.c.id),
    "tables": select(SHELVES.c.id).join(BOOKS, BOOKS.c.shelf_id == SHELVES.c.id),
    "update": update(Book).values(title="new").returning(Book.id),
    "update of the table": update(BOOKS).values(title="new").returning(BOOKS.c.id),
}


@pytest.fixture
async def own(own_app: Service) -> Database:
    """Return a database with the tables of books."""
    database: Database = own_app.state.database
    await create_tables(database)
    return database


async def test_deleted_row_does_not_exist(own: Database) -> None:
    key = await add_deleted_book(own)
    assert await own.row(Book, key) is None
    assert await own.update(Book, key, title="new") is None
    assert await own.update(Book, key) is None
    assert not await own.delete(Book, key)
    assert (await read_page(own, Book, PageQuery()))["items"] == []
    assert (await read_page(own, Book, PageQuery(), [Book.title == "gone"]))["items"] == []


async def test_deletion_is_a_change(own: Database) -> None:
    book = await own.insert(Book, title="a")
    await own.delete(Book, book["id"])
    row = await stored(own, book["id"])
    assert row["deleted_at"] >= row["created_at"]
    assert row["updated_at"] >= row["created_at"]
    assert (row["title"], row["version"]) == ("a", 2)


async def test_second_deletion_keeps_the_time(own: Database) -> None:
    key = await add_deleted_book(own)
    before = await stored(own, key)
    await own.delete(Book, key)
    assert await stored(own, key) == before


async def test_row_can_be_restored(own: Database) -> None:
    key = await add_deleted_book(own)
    restore = update(Book).where(Book.id == key).values(deleted_at=None)
    await own.rows(restore.execution_options(include_deleted=True))
    row = await own.row(Book, key)
    assert row is not None
    assert row["version"] == 3


async def test_only_living_rows_are_unique(own: Database) -> None:
    key = await add_deleted_book(own, isbn="1")
    await add_deleted_book(own, isbn="1")
    await own.insert(Book, title="b", isbn="1")
    with pytest.raises(ConflictError, match="taken"):
        async with unique(Book.isbn, taken="taken"):
            await own.insert(Book, title="c", isbn="1")
    restore = update(Book).where(Book.id == key).values(deleted_at=None)
    with pytest.raises(IntegrityError):
        await own.rows(restore.execution_options(include_deleted=True))


async def test_statements_see_living_rows_only(own: Database) -> None:
    shelf = await own.insert(Shelf, name="a")
    await add_deleted_book(own, shelf_id=shelf["id"])
    for name, statement in STATEMENTS.items():
        assert await own.rows(statement) == [], name
        assert await own.rows(statement.execution_options(include_deleted=True)), name
    await own.insert(Book, title="living", shelf_id=shelf["id"])
    for name, statement in STATEMENTS.items():
        assert await own.rows(statement), name


async def test_sessions_see_living_rows_only(own: Database) -> None:
    shelf = await own.insert(Shelf, name="a")
    await add_deleted_book(own, shelf_id=shelf["id"])
    every = {"include_deleted": True}
    async with own.write_sessions() as session:
        for name, statement in STATEMENTS.items():
            assert (await session.execute(statement)).all() == [], name
            assert (await session.execute(statement, execution_options=every)).all(), name
    async with own.write_sessions(execution_options=every) as session:
        for name, statement in STATEMENTS.items():
            assert (await session.execute(statement)).all(), name
    await own.insert(Book, title="living", shelf_id=shelf["id"])
    async with own.write_sessions() as session:
        for name, statement in STATEMENTS.items():
            assert (await session.execute(statement)).all(), name


async def test_outer_join_keeps_its_left_side(own: Database) -> None:
    shelf = await own.insert(Shelf, name="a")
    await add_deleted_book(own, shelf_id=shelf["id"])
    statement = select(Shelf.name, Book.title).outerjoin(Shelf.books)
    assert await own.rows(statement) == [{"name": "a", "title": None}]


REFUSED: dict[str, Executable] = {
    "delete": delete(Book),
    "delete from the table": delete(BOOKS),
    "subquery": select(select(BOOKS.c.id).subquery().c.id),
    "alias": select(BOOKS.alias().c.id),
    "union": union_all(select(BOOKS.c.id), select(SHELVES.c.id)),
}


async def test_what_cannot_be_limited_is_refused(own: Database) -> None:
    async with own.write_sessions() as session:
        for statement in REFUSED.values():
            with pytest.raises(DeletionError):
                await session.execute(statement)
    for statement in REFUSED.values():
        with pytest.raises(DeletionError):
            await own.rows(statement)


async def test_rows_can_be_purged(own: Database) -> None:
    key = await add_deleted_book(own)
    living = await own.insert(Book, title="b")
    purge = delete(Book).where(Book.deleted_at.is_not(None)).returning(Book.id)
    assert await own.rows(purge.execution_options(include_deleted=True)) == [{"id": key}]
    assert await own.row(Book, living["id"])


async def test_other_statements_stay_as_they_are(own: Database) -> None:
    key = await add_deleted_book(own)
    assert await own.rows(insert(Book).values(title="b").returning(Book.title)) == [{"title": "b"}]
    counted = await own.rows(text("SELECT count(*) AS count FROM books_of_tests"))
    assert counted == [{"count": 2}]
    deleted = await own.rows(delete(Chapter).where(Chapter.id == key).returning(Chapter.id))
    assert deleted == []


async def test_deleted_row_cannot_be_referred_to(own: Database) -> None:
    shelf = await own.insert(Shelf, name="a")
    await own.delete(Shelf, shelf["id"])
    values = {"title": "a", "shelf_id": shelf["id"]}
    with pytest.raises(NotFoundError, match="shelf_id"):
        async with references(own, Book, values):
            await own.insert(Book, **values)
    missing = {"title": "a", "shelf_id": uuid4()}
    with pytest.raises(NotFoundError, match="shelf_id"):
        async with references(own, Book, missing):
            await own.insert(Book, **missing)


async def test_row_that_living_rows_refer_to_stays(own: Database) -> None:
    shelf = await own.insert(Shelf, name="a")
    book = await own.insert(Book, title="a", shelf_id=shelf["id"])
    with pytest.raises(ConflictError, match=r"books_of_tests\.shelf_id refers to"):
        async with unreferenced(own, Shelf, shelf["id"]):
            await own.delete(Shelf, shelf["id"])
    assert await own.row(Shelf, shelf["id"])
    await own.delete(Book, book["id"])
    async with unreferenced(own, Shelf, shelf["id"]):
        assert await own.delete(Shelf, shelf["id"])


async def test_subset_has_living_rows(own: Database) -> None:
    shelf = await own.insert(Shelf, name="a")
    books = own.subset(shelf_id=shelf["id"])
    gone = await books.insert(Book, title="gone")
    kept = await books.insert(Book, title="kept")
    assert await books.delete(Book, gone["id"])
    assert await books.row(Book, gone["id"]) is None
    assert await books.update(Book, gone["id"], title="new") is None
    assert [row["id"] for row in await books.rows(select_columns(Book))] == [kept["id"]]


async def test_count_is_of_living_rows(own: Database) -> None:
    await add_deleted_book(own)
    await own.insert(Book, title="b")
    counted = await own.rows(select(func.count().label("count")).select_from(Book))
    assert counted == [{"count": 1}]
