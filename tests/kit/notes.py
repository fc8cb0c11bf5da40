"""A table of the tests' own, which needs none of the service's models."""

from fastapi import FastAPI
from sqlalchemy import String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import QueuePool

from kit.db import Database


class OwnBase(DeclarativeBase):
    """Keeps the table out of the metadata that migrations are compared with."""


class Note(OwnBase):
    __tablename__ = "notes_of_tests"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(100), unique=True)


class Link(OwnBase):
    """Has a primary key of two columns."""

    __tablename__ = "links_of_tests"

    source_id: Mapped[int] = mapped_column(primary_key=True)
    target_id: Mapped[int] = mapped_column(primary_key=True)


async def create_tables(database: Database) -> None:
    async with database.write_engine.begin() as connection:
        await connection.run_sync(OwnBase.metadata.create_all)


async def count_notes(database: Database) -> int:
    """Count those that any other connection sees."""
    async with database.read_sessions() as session:
        return await session.scalar(select(func.count()).select_from(Note)) or 0


def checked_out(app: FastAPI) -> int:
    """Return how many connections of the pool are in use."""
    pool = app.state.database.write_engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()
