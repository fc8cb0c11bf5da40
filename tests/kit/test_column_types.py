"""Types of columns: decimals and enums are the same on every database."""

from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import Uuid, bindparam, func, select, text
from sqlalchemy.exc import StatementError

from tests.kit.things import Color, Thing, create_tables
from kit.db import Database, select_columns
from kit.models import TextEnum


@pytest.fixture
async def own(own_app: FastAPI) -> Database:
    """A database with the table of things, where a commit is a commit."""
    database: Database = own_app.state.database
    await create_tables(database)
    return database


async def test_decimals_are_compared_sorted_and_summed_exactly(own: Database) -> None:
    prices = [Decimal("0.10"), Decimal("-2.00"), Decimal("10.00"), Decimal("0.20")]
    for price in prices:
        await own.insert(Thing, price=price)
    column = Thing.price
    rows = await own.rows(select(column).order_by(column))
    assert [row["price"] for row in rows] == sorted(prices)
    rows = await own.rows(select(column).where(column > Decimal("0.1"), column.in_(prices)))
    assert sorted(row["price"] for row in rows) == [Decimal("0.20"), Decimal("10.00")]
    rows = await own.rows(
        select(
            func.sum(column).label("sum"),
            func.max(column).label("max"),
            func.sum(column * 3).label("tripled"),
            func.sum(column + 1).label("raised"),
            func.sum(-column).label("negative"),
        )
    )
    assert rows == [
        {
            "sum": Decimal("8.30"),
            "max": Decimal("10.00"),
            "tripled": Decimal("24.90"),
            "raised": Decimal("12.30"),
            "negative": Decimal("-8.30"),
        }
    ]


async def test_decimal_has_a_default_in_python_and_in_sql(own: Database) -> None:
    thing = await own.insert(Thing)
    assert thing["fee"] == Decimal("0.25")
    copied = "INSERT INTO things_of_tests (id) SELECT :id"
    other = select(Thing.fee).where(Thing.id != thing["id"])
    key = "01890000000070008000000000000000"
    await own.rows(text(copied).bindparams(bindparam("id", UUID(key), type_=Uuid())))
    assert await own.rows(other) == [{"fee": Decimal("-1.50")}]


async def test_decimals_are_rounded_as_by_postgresql(own: Database) -> None:
    for value, stored in (
        ("1.005", "1.01"),
        ("-1.005", "-1.01"),
        ("1.0049", "1.00"),
        ("7", "7.00"),
    ):
        thing = await own.insert(Thing, price=Decimal(value))
        assert str(thing["price"]) == stored


async def test_decimal_that_does_not_fit_is_an_error(own: Database) -> None:
    for value in ("100000000", "99999999.995", "1e400", "NaN", "Infinity"):
        with pytest.raises(StatementError, match="does not fit into 10 digits"):
            await own.insert(Thing, price=Decimal(value))
    with pytest.raises(StatementError, match="a float, which is not exact"):
        await own.insert(Thing, price=1.5)


async def test_enum_is_compared_with_members_and_values(own: Database) -> None:
    await own.insert(Thing, color=Color.DARK_BLUE)
    await own.insert(Thing, color="red")
    for condition in (
        Thing.color == Color.DARK_BLUE,
        Thing.color == "dark blue",
        Thing.color.in_([Color.DARK_BLUE]),
        Thing.color != Color.RED,
        Thing.color.contains("blue"),
        Thing.color.startswith("dark"),
    ):
        rows = await own.rows(select_columns(Thing).where(condition))
        assert [row["color"] for row in rows] == [Color.DARK_BLUE]
        assert isinstance(rows[0]["color"], Color)
    async with own.read_sessions() as session:
        things = await session.scalars(select(Thing).order_by(Thing.color))
        assert [thing.color for thing in things] == [Color.DARK_BLUE, Color.RED]


async def test_text_that_is_no_member_is_an_error(own: Database) -> None:
    with pytest.raises(StatementError, match="'green' is not a valid Color"):
        await own.insert(Thing, color="green")


class LongWord(StrEnum):
    LONG = "x" * 33


def test_member_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="of LongWord is longer than 32"):
        TextEnum(LongWord)
    assert TextEnum(LongWord, length=40).length == 40
