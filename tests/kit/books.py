"""Books whose rows have versions and stay when they are deleted, and routes for them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from httpx import AsyncClient
from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from app.db import ServiceDatabase, WriteSession
from kit.application import Service
from kit.db import Database, select_columns, unique, unreferenced
from kit.errors import NotFoundError, problem_responses
from kit.models import SoftDeleted, Timestamped, UUIDKey, Versioned
from kit.pagination import Page, PageQuery, read_page
from kit.schemas import Output
from kit.versions import (
    IfMatch,
    delete_version,
    etag_responses,
    set_etag,
    set_page_etag,
    update_version,
)

# The path of no book.
MISSING = "/books/01890000-0000-7000-8000-000000000000"


class OwnBase(DeclarativeBase):
    """Keeps the tables out of the metadata that migrations are compared with."""


class Shelf(SoftDeleted, UUIDKey, OwnBase):
    __tablename__ = "book_shelves_of_tests"

    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(back_populates="shelf", order_by="Book.id")
    labels: Mapped[list["ShelfLabel"]] = relationship(cascade="all, delete-orphan")


class ShelfLabel(UUIDKey, OwnBase):
    """Is really deleted."""

    __tablename__ = "shelf_labels_of_tests"

    text: Mapped[str]
    shelf_id: Mapped[UUID] = mapped_column(ForeignKey(Shelf.id))


class Book(SoftDeleted, Versioned, Timestamped, UUIDKey, OwnBase):
    __tablename__ = "books_of_tests"
    __table_args__ = (
        Index(
            "uq_books_of_tests_isbn",
            "isbn",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
            sqlite_where=text("deleted_at IS NULL"),
        ),
    )

    title: Mapped[str]
    isbn: Mapped[str | None]
    shelf_id: Mapped[UUID | None] = mapped_column(ForeignKey(Shelf.id))
    shelf: Mapped[Shelf | None] = relationship(back_populates="books")


class Chapter(Versioned, UUIDKey, OwnBase):
    """Has versions, and is really deleted."""

    __tablename__ = "chapters_of_tests"
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012

    title: Mapped[str]


class BookRead(Output):
    id: UUID
    title: str
    isbn: str | None


class BookPage(Page[BookRead]):
    pass


async def create_tables(opened: Database) -> None:
    async with opened.write_engine.begin() as connection:
        await connection.run_sync(OwnBase.metadata.create_all)


def add_book_routes(app: Service) -> None:
    """Add the routes of books."""
    router = APIRouter(prefix="/books", responses=problem_responses(422, 500, 503))

    @router.post("", status_code=201, responses=problem_responses(409) | etag_responses(201))
    async def create_book(
        title: str,
        database: ServiceDatabase,
        request: Request,
        response: Response,
        isbn: str | None = None,
    ) -> BookRead:
        async with unique(Book.isbn, taken="Another book has this ISBN."):
            book = await database.insert(Book, title=title, isbn=isbn)
        set_etag(request, response, book)
        return BookRead.model_validate(book)

    @router.get("", responses=etag_responses(200, 304))
    async def list_books(
        query: Annotated[PageQuery, Query()],
        database: ServiceDatabase,
        request: Request,
        response: Response,
    ) -> BookPage:
        page = await read_page(database, Book, query)
        set_page_etag(request, response, page)
        return BookPage.model_validate(page)

    @router.get("/{book_id}", responses=problem_responses(404) | etag_responses(200, 304))
    async def get_book(
        book_id: UUID, database: ServiceDatabase, request: Request, response: Response
    ) -> BookRead:
        book = existing(await database.row(Book, book_id))
        set_etag(request, response, book)
        return BookRead.model_validate(book)

    app.include_router(router)
    add_changes(app)
    add_replacement(app)
    add_deletion(app)


def add_changes(app: Service) -> None:
    """Add the route that changes a book in a statement."""
    router = APIRouter(prefix="/books", responses=problem_responses(404, 409, 422))

    @router.patch("/{book_id}", responses=etag_responses(200))
    async def update_book(
        book_id: UUID,
        database: ServiceDatabase,
        if_match: IfMatch,
        request: Request,
        response: Response,
        title: str | None = None,
    ) -> BookRead:
        values = {} if title is None else {"title": title}
        book = existing(await update_version(database, Book, book_id, if_match, **values))
        set_etag(request, response, book)
        return BookRead.model_validate(book)

    app.include_router(router)


def add_replacement(app: Service) -> None:
    """Add the route that changes a book in a session."""
    router = APIRouter(prefix="/books", responses=problem_responses(404, 409, 422))

    @router.put("/{book_id}", responses=etag_responses(200))
    async def replace_book(
        book_id: UUID,
        title: str,
        session: WriteSession,
        if_match: IfMatch,
        request: Request,
        response: Response,
    ) -> BookRead:
        book = await session.get(Book, book_id, with_for_update=True)
        if book is None:
            raise NotFoundError("book")
        if_match.check(book)
        book.title = title
        await session.flush()
        set_etag(request, response, book)
        return BookRead.model_validate(book)

    app.include_router(router)


def add_deletion(app: Service) -> None:
    """Add the route that deletes a book."""
    router = APIRouter(prefix="/books")

    @router.delete("/{book_id}", status_code=204, responses=problem_responses(404))
    async def delete_book(book_id: UUID, database: ServiceDatabase, if_match: IfMatch) -> None:
        async with unreferenced(database, Book, book_id):
            if not await delete_version(database, Book, book_id, if_match):
                raise NotFoundError("book")

    app.include_router(router)


def existing(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        raise NotFoundError("book")
    return row


async def create_book(books: AsyncClient, **values: str) -> str:
    """Return the path of a new book."""
    response = await books.post("/books", params={"title": "old", **values})
    assert response.status_code == 201, response.text
    return f"/books/{response.json()['id']}"


async def create_second_version(books: AsyncClient) -> str:
    path = await create_book(books)
    await books.patch(path, params={"title": "older"})
    return path


async def title_of(books: AsyncClient, path: str) -> str:
    title: str = (await books.get(path)).json()["title"]
    return title


def field(name: str, value: str) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1"))]


async def add_deleted_book(own: Database, **values: object) -> UUID:
    book = await own.insert(Book, title="gone", **values)
    assert await own.delete(Book, book["id"])
    key: UUID = book["id"]
    return key


async def stored(own: Database, key: UUID) -> dict[str, Any]:
    """Return a row, also if it is deleted."""
    statement = select_columns(Book).where(Book.id == key)
    rows = await own.rows(statement.execution_options(include_deleted=True))
    assert len(rows) == 1
    return rows[0]
