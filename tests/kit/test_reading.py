"""A change on a connection for reading is refused: without a transaction half of it could stay."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from fastapi import FastAPI
from sqlalchemy import Executable, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from tests.kit.notes import Note, count_notes, create_tables
from kit._internal.sessions import REFUSAL
from kit.db import Database

INSERT = "INSERT INTO notes_of_tests (title) VALUES ('b')"
CHANGES: dict[str, Executable] = {
    "insert": insert(Note).values(title="b"),
    "insert returning": insert(Note).values(title="b").returning(Note.id),
    "update": update(Note).values(title="b"),
    "delete": delete(Note),
    "insert in WITH": select(insert(Note).values(title="b").returning(Note.id).cte().c.id),
    "INSERT": text(INSERT),
    "insert in lower case": text(f"\n  -- a note\n  {INSERT.lower()}"),
    "UPDATE": text("UPDATE notes_of_tests SET title = 'b'"),
    "DELETE": text("DELETE FROM notes_of_tests"),
    "REPLACE": text("REPLACE INTO notes_of_tests (title) VALUES ('b')"),
    "TRUNCATE": text("TRUNCATE notes_of_tests"),
    "CREATE": text("CREATE TABLE more_notes (id INTEGER)"),
    "DROP": text("DROP TABLE notes_of_tests"),
}
READS: dict[str, Executable] = {
    "select": select(Note.title),
    "SELECT": text("  select title from notes_of_tests"),
    "WITH": select(select(Note.title).cte().c.title),
    "a word in a value": text(
        "WITH a AS (SELECT title, 'offset' AS b FROM notes_of_tests) SELECT title FROM a"
    ),
}


@pytest.fixture
async def own(own_app: FastAPI) -> Database:
    """A database with a note, where a commit is a commit."""
    database: Database = own_app.state.database
    await create_tables(database)
    async with database.write_sessions.begin() as session:
        session.add(Note(title="a"))
    return database


async def connect(database: Database, change: Executable) -> None:
    async with database.read_engine.connect() as connection:
        await connection.execute(change)


async def begin(database: Database, change: Executable) -> None:
    async with database.read_engine.begin() as connection:
        await connection.execute(change)


async def read(database: Database, change: Executable) -> None:
    async with database.read_sessions() as session:
        await session.execute(change)


async def stream(database: Database, change: Executable) -> None:
    async with database.stream_sessions() as session:
        await session.stream(change)


@pytest.mark.parametrize("way", [connect, begin, read, stream])
async def test_changes_are_refused(
    own: Database, way: Callable[[Database, Executable], Awaitable[None]]
) -> None:
    accepted = []
    for name, change in CHANGES.items():
        with suppress(InvalidRequestError):
            await way(own, change)
            accepted.append(name)
    assert not accepted
    assert await own.rows(select(Note.title)) == [{"title": "a"}]


async def test_reads_are_not(own: Database) -> None:
    async with own.read_sessions() as session:
        for name, statement in READS.items():
            assert (await session.scalars(statement)).all() == ["a"], name


async def test_many_rows_are_refused(own: Database) -> None:
    values = [{"title": title} for title in "bcd"]
    async with own.read_engine.connect() as connection:
        for statement in (insert(Note), insert(Note).returning(Note.id), text(INSERT)):
            with pytest.raises(InvalidRequestError, match=REFUSAL):
                await connection.execute(statement, values)
        with pytest.raises(InvalidRequestError, match=REFUSAL):
            await connection.exec_driver_sql(INSERT, execution_options={"no_parameters": True})
    assert await count_notes(own) == 1


async def save_twice(session: AsyncSession) -> None:
    """Save an order of two parts, of which the second cannot be saved."""
    for title in ("b", "a"):
        session.add(Note(title=title))
        await session.flush()
    await session.commit()


SESSIONS: dict[str, Callable[[Database], AsyncSession]] = {
    "a maker of one's own": lambda database: async_sessionmaker(database.read_engine)(),
    "a session of one's own": lambda database: AsyncSession(database.read_engine),
    "reading": lambda database: database.read_sessions(),
}


@pytest.mark.parametrize("name", SESSIONS)
async def test_no_half_of_an_order_stays(own: Database, name: str) -> None:
    async with SESSIONS[name](own) as session:
        with pytest.raises(InvalidRequestError, match=REFUSAL):
            await save_twice(session)
    assert await count_notes(own) == 1


WRITERS: dict[str, Callable[[Database], AsyncSession]] = {
    "a maker of one's own": lambda database: async_sessionmaker(database.write_engine)(),
    "a session of one's own": lambda database: AsyncSession(database.write_engine),
    "writing": lambda database: database.write_sessions(),
}


@pytest.mark.parametrize("name", WRITERS)
async def test_writing_is_whole_or_not_at_all(own: Database, name: str) -> None:
    async with WRITERS[name](own) as session:
        with pytest.raises(IntegrityError):
            await save_twice(session)
    async with own.write_engine.begin() as connection:
        await connection.execute(insert(Note).values(title="c"))
        await connection.rollback()
    assert await count_notes(own) == 1


async def flush(session: AsyncSession) -> None:
    session.add(Note(title="b"))
    await session.flush()


async def execute(session: AsyncSession) -> None:
    await session.execute(insert(Note).values(title="b"))


@pytest.mark.parametrize("change", [flush, execute])
async def test_tests_refuse_it_too(
    database: Database, change: Callable[[AsyncSession], Awaitable[None]]
) -> None:
    """Although the sessions of a test share a connection that may write."""
    async with database.read_sessions() as session:
        with pytest.raises(InvalidRequestError, match=REFUSAL):
            await change(session)
