"""Single statements: each is a transaction, with the columns' defaults and constraints."""

import asyncio
import gc
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Index, String, UniqueConstraint, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.types import Message, Receive, Scope, Send

from app.db import ServiceDatabase
from tests.kit.notes import Link, Note, checked_out, count_notes, create_tables
from kit.db import Database, select_columns, unique
from kit.errors import ConflictError
from kit.models import Timestamped, UTCDateTime, UUIDKey
from kit.testing import assert_problem, client_of


class Base(DeclarativeBase):
    """Without a naming convention: the database names what has no name."""

    type_annotation_map = {datetime: UTCDateTime}  # noqa: RUF012


class Person(UUIDKey, Timestamped, Base):
    """Its attributes have other names than their columns."""

    __tablename__ = "people_of_tests"
    __table_args__ = (
        UniqueConstraint("family_name", "given_name"),
        Index("people_by_badge", "badge", unique=True),
    )

    family: Mapped[str] = mapped_column("family_name", String(100))
    first: Mapped[str] = mapped_column("given_name", String(100), default="Ann")
    badge: Mapped[str | None] = mapped_column(String(20))
    mail: Mapped[str | None] = mapped_column("mail_address", String(100), unique=True)


@pytest.fixture
async def own(own_app: FastAPI) -> Database:
    """A database with tables of the tests' own, where a commit is a commit."""
    database: Database = own_app.state.database
    await create_tables(database)
    async with database.write_engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    return database


async def test_inserted_row_has_its_defaults(own: Database) -> None:
    person = await own.insert(Person, family="Lovelace")
    assert person.keys() == {"id", "family", "first", "badge", "mail", "created_at", "updated_at"}
    assert (person["family"], person["first"]) == ("Lovelace", "Ann")
    assert person["created_at"] == person["updated_at"] <= datetime.now(UTC)
    assert await own.row(Person, person["id"]) == person


async def test_update_changes_only_what_is_named(own: Database) -> None:
    before = await own.insert(Person, family="Lovelace", badge="7")
    after = await own.update(Person, before["id"], family="King")
    assert after is not None
    assert after == before | {"family": "King", "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert await own.row(Person, before["id"]) == after


async def test_update_of_nothing_changes_nothing(own: Database) -> None:
    person = await own.insert(Person, family="Lovelace")
    assert await own.update(Person, person["id"]) == person


async def test_row_that_does_not_exist(own: Database) -> None:
    note = await own.insert(Note, title="a")
    assert await own.delete(Note, note["id"])
    assert not await own.delete(Note, note["id"])
    assert await own.row(Note, note["id"]) is None
    assert await own.update(Note, note["id"], title="b") is None
    assert await count_notes(own) == 0


async def test_statement_is_committed_when_it_returns(own: Database) -> None:
    note = await own.insert(Note, title="a")
    assert await count_notes(own) == 1
    await own.update(Note, note["id"], title="b")
    assert await own.rows(select(Note.title)) == [{"title": "b"}]
    returned = await own.rows(insert(Note).returning(Note.title), title="c")
    assert returned == [{"title": "c"}]
    assert await own.rows(insert(Note), title="d") == []
    assert await own.rows(text("DELETE FROM notes_of_tests WHERE title <> 'd'")) == []
    assert await own.rows(text("SELECT title FROM notes_of_tests")) == [{"title": "d"}]


async def test_commit_comes_before_the_response(own: Database, own_app: FastAPI) -> None:
    seen = []

    @own_app.post("/notes", status_code=201)
    async def create_note(title: str, database: ServiceDatabase) -> int:
        note = await database.insert(Note, title=title)
        return int(note["id"])

    async def look_at_start(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_look(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.append((await count_notes(own), checked_out(own_app)))
            await send(message)

        await own_app(scope, receive, send_and_look)

    async with client_of(look_at_start) as client:
        assert (await client.post("/notes?title=a")).status_code == 201
        seen.clear()
        assert_problem(await client.post("/notes?title=a"), 409, "conflict")
    assert seen == [(1, 0)]


async def test_failed_statement_leaves_nothing(own: Database, own_app: FastAPI) -> None:
    many = insert(Note).from_select(
        ["title"], select(func.coalesce(Note.title, "")).union_all(select(text("'b'")))
    )
    await own.insert(Note, title="a")
    with pytest.raises(IntegrityError):
        await own.rows(many)
    assert await count_notes(own) == 1
    assert checked_out(own_app) == 0


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
async def test_cancelled_statement_keeps_no_connection(own: Database, own_app: FastAPI) -> None:
    """However far it has come: the row is there whole, or not at all.

    SQLAlchemy leaves it to the garbage collector to close a SQLite database whose statement was
    cancelled, with sessions as well; until then it may be locked. Since Python 3.13 sqlite3 warns
    of that.
    """
    gc.freeze()
    for turns in range(40):
        writing = asyncio.create_task(own.insert(Note, title=str(turns)))
        for _ in range(turns):
            await asyncio.sleep(0)
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        assert checked_out(own_app) == 0
        gc.collect()
    gc.unfreeze()
    assert await own.insert(Note, title="last")


async def test_concurrent_statements_wait_for_each_other(own: Database) -> None:
    note = await own.insert(Note, title="a")
    updates = (own.update(Note, note["id"], title=f"{number}") for number in range(8))
    titles = {row["title"] for row in await asyncio.gather(*updates) if row is not None}
    assert titles == {str(number) for number in range(8)}


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ((Person.family, Person.first), "family-first-taken"),
        ((Person.badge,), "badge-taken"),
        ((Person.mail,), "mail-taken"),
        ((Person.id,), "id-taken"),
    ],
    ids=["several", "index", "unique", "key"],
)
async def test_taken_value_is_a_conflict(
    own: Database, attributes: tuple[Any, ...], kind: str
) -> None:
    """Whatever names the constraint: the model, an index, or the database."""
    person = await own.insert(Person, family="Lovelace", badge="7", mail="ada@example.com")
    names = {attribute.key for attribute in attributes}
    values = {"family": "King", "badge": "8", "mail": "king@example.com"}
    values |= {name: value for name, value in person.items() if name in names}
    with pytest.raises(ConflictError) as error, unique(*attributes, taken="Another has it."):
        await own.insert(Person, **values)
    assert (error.value.kind, error.value.detail) == (kind, "Another has it.")


async def test_other_broken_constraints_pass(own: Database) -> None:
    await own.insert(Person, family="Lovelace", badge="7")
    with pytest.raises(IntegrityError), unique(Person.mail, taken="Another has it."):
        await own.insert(Person, family="King", badge="7")
    with pytest.raises(IntegrityError), unique(Person.mail, taken="Another has it."):
        await own.insert(Person, family=None)


async def test_session_may_be_within_unique(own: Database) -> None:
    await own.insert(Note, title="a")
    async with own.write_sessions() as session:
        session.add(Note(title="a"))
        with pytest.raises(ConflictError), unique(Note.title, taken="Taken.", kind="no-title"):
            await session.flush()


async def test_failed_statement_of_a_test_leaves_the_next_one_alone(database: Database) -> None:
    """Although all statements of a test share a transaction."""
    with pytest.raises(Exception):  # noqa: B017, PT011
        await database.rows(text("INSERT INTO nowhere VALUES (1)"))
    assert await database.rows(text("SELECT 1 AS one")) == [{"one": 1}]


async def test_key_has_one_column(own: Database) -> None:
    expected = (
        "Link has a primary key of several columns, source_id, target_id; use Database.rows() with"
        " a statement: select_columns(Link).where(...)"
    )
    for work in (own.row(Link, 1), own.update(Link, 1, target_id=2), own.delete(Link, 1)):
        with pytest.raises(TypeError) as error:
            await work
        assert str(error.value) == expected
    assert "WHERE" in str(select_columns(Link).where(Link.source_id == 1))
    link = await own.insert(Link, source_id=1, target_id=2)
    assert link == {"source_id": 1, "target_id": 2}


async def test_unknown_attribute_is_named(own: Database) -> None:
    with pytest.raises(TypeError, match="Person has no column family_name"):
        await own.insert(Person, family_name="Lovelace")
