"""Tables of the tests' own that refer to each other."""

from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from kit.db import Database
from kit.models import UUIDKey


class ShopBase(DeclarativeBase):
    """Keeps the tables out of the metadata that migrations are compared with."""


class Shop(UUIDKey, ShopBase):
    __tablename__ = "shops_of_tests"

    name: Mapped[str] = mapped_column(String(100), default="shop")


class ShopOrder(UUIDKey, ShopBase):
    """Is deleted with its shop."""

    __tablename__ = "orders_of_tests"
    __table_args__ = (UniqueConstraint("shop_id", "number"),)

    shop_id: Mapped[UUID] = mapped_column(ForeignKey(Shop.id, ondelete="CASCADE"))
    number: Mapped[int]
    # The attribute has another name than its column.
    state: Mapped[str] = mapped_column("order_state", String(10), default="new")


class Parcel(UUIDKey, ShopBase):
    """Keeps its order from being deleted."""

    __tablename__ = "parcels_of_tests"

    order: Mapped[UUID] = mapped_column("order_id", ForeignKey(ShopOrder.id, ondelete="RESTRICT"))
    sender_id: Mapped[UUID | None] = mapped_column(ForeignKey(Shop.id, ondelete="SET NULL"))


class Receipt(UUIDKey, ShopBase):
    """Refers to an order by two columns, to be checked at the commit."""

    __tablename__ = "receipts_of_tests"
    __table_args__ = (
        ForeignKeyConstraint(
            ["shop_id", "number"],
            ["orders_of_tests.shop_id", "orders_of_tests.number"],
            deferrable=True,
            initially="DEFERRED",
        ),
    )

    shop_id: Mapped[UUID]
    number: Mapped[int | None]


async def create_tables(database: Database) -> None:
    async with database.write_engine.begin() as connection:
        await connection.run_sync(ShopBase.metadata.create_all)
