"""Arrays and JSONB: elements are converted like single values, and compared."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import BigInteger, Date, Float, Integer, String, Uuid, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from kit._internal.json_values import check_json
from kit.db import Database
from kit.models import ExactDecimal, TextEnum, UTCDateTime, UUIDKey


class Base(DeclarativeBase):
    """Keeps the table out of the metadata that migrations are compared with."""


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


class Box(UUIDKey, Base):
    __tablename__ = "boxes_of_tests"

    tags: Mapped[list[str]] = mapped_column(ARRAY(String(255)), default=list)
    colors: Mapped[list[Color]] = mapped_column(ARRAY(TextEnum(Color)), default=list)
    prices: Mapped[list[Decimal]] = mapped_column(ARRAY(ExactDecimal(10, 2)), default=list)
    times: Mapped[list[datetime]] = mapped_column(ARRAY(UTCDateTime), default=list)
    days: Mapped[list[date]] = mapped_column(ARRAY(Date), default=list)
    counts: Mapped[list[int]] = mapped_column(ARRAY(Integer), default=list)
    big: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), default=list)
    ratios: Mapped[list[float]] = mapped_column(ARRAY(Float), default=list)
    keys: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    # SQLAlchemy's JSON null would be no NULL.
    data: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=True)


KEY = uuid4()
VALUES: dict[str, list[Any]] = {
    "tags": ["", "a,b", '"{}\\', "NULL", "\U0001f375"],
    "colors": [Color.RED, Color.BLUE],
    "prices": [Decimal("0.10"), Decimal("-99999999.99")],
    "times": [datetime(2026, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)],
    "days": [date(1, 1, 1), date(9999, 12, 31)],
    "counts": [-(2**31), 2**31 - 1],
    "big": [-(2**63), 2**63 - 1],
    "ratios": [0.1, 1.7976931348623157e308, 5e-324],
    "keys": [KEY],
}


@pytest.fixture
async def own(own_app: FastAPI) -> Database:
    """A database with tables of the tests' own, where a commit is a commit."""
    database: Database = own_app.state.database
    async with database.write_engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    return database


async def test_elements_are_stored_as_they_are(own: Database) -> None:
    box = await own.insert(Box, **VALUES)
    assert {name: box[name] for name in VALUES} == VALUES
    assert all(isinstance(color, Color) for color in box["colors"])
    updated = await own.update(Box, box["id"], colors=[], prices=[Decimal(1)])
    assert updated is not None
    assert (updated["colors"], updated["prices"]) == ([], [Decimal("1.00")])


@pytest.mark.parametrize("name", VALUES)
async def test_array_is_searched_for_an_element(own: Database, name: str) -> None:
    box = await own.insert(Box, **VALUES)
    await own.insert(Box)
    column = getattr(Box, name)
    for value in VALUES[name]:
        assert await own.rows(select(Box.id).where(column.any_() == value)) == [{"id": box["id"]}]
        assert await own.rows(select(Box.id).where(column.contains([value]))) == [{"id": box["id"]}]


async def test_json_is_stored_as_it_is(own: Database) -> None:
    values: list[Any] = [{"a": [1, 2.5, None]}, "null", [], 0, False, 1.5, 5e-324]
    for value in values:
        box = await own.insert(Box, data=value)
        assert box["data"] == value
    nothing = await own.insert(Box, data=None)
    rows = await own.rows(select(Box.id).where(Box.data.is_(None)))
    assert rows == [{"id": nothing["id"]}]


async def test_number_that_jsonb_returns_is_accepted_again(own: Database) -> None:
    """JSONB returns large floats as integers, with all digits."""
    box = await own.insert(Box, data=[1.7976931348623157e308, 1e20])
    assert check_json(box["data"]) == [17976931348623157 * 10**292, 10**20]


async def test_deepest_json_is_stored(own: Database) -> None:
    value: list[Any] = []
    for _ in range(49):
        value = [value]
    box = await own.insert(Box, data=check_json(value))
    assert box["data"] == value
    await own.rows(text("SELECT data::text FROM boxes_of_tests"))
