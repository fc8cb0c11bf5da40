"""Factories: rows with made-up values, and the rows that they refer to."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import pytest
from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models import User
from tests.factories import UserFactory
from tests.kit.shop import Parcel, ShopBase, ShopOrder
from kit.db import Database
from kit.models import ExactDecimal, Owned, TextEnum, UTCDateTime, UUIDKey
from kit.testing import Rows
from kit.testing.factories import RowFactory, add_row, restart


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Crate(Owned, UUIDKey, ShopBase):
    """Has a column of each type."""

    __tablename__ = "crates_of_tests"

    code: Mapped[str] = mapped_column(String(3), unique=True)
    letter: Mapped[str] = mapped_column(String(1), unique=True)
    label: Mapped[str] = mapped_column(String(40), unique=True)
    contact_email: Mapped[str] = mapped_column(String(40), unique=True)
    number: Mapped[int] = mapped_column(unique=True)
    weight: Mapped[float] = mapped_column(unique=True)
    price: Mapped[Decimal] = mapped_column(ExactDecimal(8, 2), unique=True)
    share: Mapped[Decimal] = mapped_column(ExactDecimal(2, 2), unique=True)
    day: Mapped[date] = mapped_column(unique=True)
    packed_at: Mapped[datetime] = mapped_column(UTCDateTime, unique=True)
    serial: Mapped[UUID] = mapped_column(unique=True)
    size: Mapped[Size] = mapped_column(TextEnum(Size))
    is_full: Mapped[bool]
    details: Mapped[object] = mapped_column(JSON)
    note: Mapped[str | None]
    level: Mapped[int] = mapped_column(default=3)


class CrateFactory(RowFactory[Crate]):
    size = Size.LARGE


@pytest.fixture
async def tables(database: Database) -> None:
    """Creates the tables in the transaction of the test."""
    async with database.write_sessions() as session, session.begin():
        connection = await session.connection()
        await connection.run_sync(ShopBase.metadata.create_all)


@pytest.mark.usefixtures("tables")
async def test_unique_values_do_not_collide(rows: Rows) -> None:
    crates = [await CrateFactory.add(rows) for _ in range(30)]
    for name in ("code", "letter", "label", "contact_email", "number", "price", "share", "serial"):
        assert len({getattr(crate, name) for crate in crates}) == len(crates), name


def test_values_are_those_of_the_types() -> None:
    crate = CrateFactory.build()
    assert crate.label == "label 1003"
    assert crate.contact_email == "contact_email-1004@example.com"
    assert crate.packed_at.tzinfo is not None
    assert (crate.is_full, crate.details) == (False, {})


def test_attributes_of_a_factory_and_values_win() -> None:
    assert CrateFactory.build().size is Size.LARGE
    assert CrateFactory.build(size=Size.SMALL, label="mine").label == "mine"


@pytest.mark.usefixtures("tables")
async def test_optional_columns_have_their_defaults(rows: Rows) -> None:
    crate = await CrateFactory.add(rows)
    assert (crate.note, crate.level) == (None, 3)


@pytest.mark.usefixtures("tables")
async def test_rows_belong_to_the_client_of_tests(rows: Rows) -> None:
    assert (await CrateFactory.add(rows)).owner == "tests"
    assert (await CrateFactory.add(rows, owner="another")).owner == "another"


@pytest.mark.usefixtures("tables")
async def test_required_references_are_added(database: Database, rows: Rows) -> None:
    parcel = await add_row(rows, Parcel)
    order = await database.row(ShopOrder, parcel.order)
    assert order is not None
    assert parcel.sender_id is None


@pytest.mark.usefixtures("tables")
async def test_given_reference_is_kept(rows: Rows) -> None:
    order = await add_row(rows, ShopOrder)
    assert (await add_row(rows, Parcel, order=order.id)).order == order.id


async def test_add_row_uses_the_factory_of_the_model(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UserFactory, "name", "Ada", raising=False)
    assert (await add_row(rows, User)).name == "Ada"


def test_values_are_the_same_in_each_test() -> None:
    before = CrateFactory.build()
    restart()
    assert CrateFactory.build().label == before.label
