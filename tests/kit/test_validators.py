"""Single statements apply the validators of a model, as sessions do."""

import pytest
from fastapi import FastAPI
from sqlalchemy import String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column, validates

from kit.db import Database


class Base(DeclarativeBase):
    pass


class Label(MappedAsDataclass, Base):
    """Has validators, one of which sets another attribute, and an `__init__` with all fields."""

    __tablename__ = "labels_of_tests"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    text: Mapped[str] = mapped_column(String(100))
    initial: Mapped[str | None] = mapped_column(String(1), default=None)
    color: Mapped[str | None] = mapped_column(String(20), default=None)

    @validates("text")
    def keep_initial(self, _key: str, value: str) -> str:
        if not value:
            raise ValueError("a label needs a text")
        self.initial = value[0]
        return value.strip()


@pytest.fixture
async def own(own_app: FastAPI) -> Database:
    """A database with the table of labels."""
    database: Database = own_app.state.database
    async with database.write_engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    return database


async def test_validators_apply(own: Database) -> None:
    label = await own.insert(Label, text="x ", color="red")
    assert (label["text"], label["initial"], label["color"]) == ("x", "x", "red")
    changed = await own.update(Label, label["id"], text="y")
    assert changed == label | {"text": "y", "initial": "y"}
    assert await own.update(Label, label["id"], color="blue") == changed | {"color": "blue"}


async def test_validators_apply_to_the_first_statement_of_a_process(own: Database) -> None:
    """The ORM configures a model when it is first used, which a new class has not been."""

    class NewBase(DeclarativeBase):
        pass

    class Tag(NewBase):
        __tablename__ = "tags_of_tests"

        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str] = mapped_column(String(100))

        @validates("text")
        def strip(self, _key: str, value: str) -> str:
            return value.strip()

    async with own.write_engine.begin() as connection:
        await connection.run_sync(NewBase.metadata.create_all)
    tag = await own.insert(Tag, text=" x ")
    assert tag["text"] == "x"


async def test_refusal_of_a_validator_changes_nothing(own: Database) -> None:
    with pytest.raises(ValueError, match="a label needs a text"):
        await own.insert(Label, text="")
    assert await own.rows(select(Label.id)) == []
