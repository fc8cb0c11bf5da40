"""References: a missing or a referenced row is a problem that names the foreign key."""

from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from pydantic import MISSING
from sqlalchemy.exc import IntegrityError

from tests.kit.notes import checked_out
from tests.kit.shop import Parcel, Receipt, Shop, ShopOrder, create_tables
from kit.db import Database, references, unique, unreferenced
from kit.errors import ConflictError, NotFoundError


@pytest.fixture
async def own(own_app: FastAPI) -> Database:
    """A database with tables of the tests' own, where a commit is a commit."""
    database: Database = own_app.state.database
    await create_tables(database)
    return database


@pytest.fixture
async def shop_id(own: Database) -> UUID:
    key: UUID = (await own.insert(Shop))["id"]
    return key


@pytest.fixture
async def order_id(own: Database, shop_id: UUID) -> UUID:
    key: UUID = (await own.insert(ShopOrder, shop_id=shop_id, number=1))["id"]
    return key


async def test_existing_row_may_be_referred_to(own: Database, order_id: UUID) -> None:
    values = {"order": order_id, "sender_id": None}
    async with references(own, Parcel, values):
        parcel = await own.insert(Parcel, **values)
    assert parcel["order"] == order_id


async def test_missing_row_is_not_found(own: Database) -> None:
    values = {"shop_id": uuid4(), "number": 1}
    with pytest.raises(NotFoundError) as raised:
        async with references(own, ShopOrder, values):
            await own.insert(ShopOrder, **values)
    assert raised.value.kind == "shop-not-found"
    assert raised.value.detail == "shop_id: there is no such shop."


async def test_the_missing_one_of_two_rows_is_named(
    own: Database, order_id: UUID, shop_id: UUID
) -> None:
    for values, kind, name in (
        ({"order": order_id, "sender_id": uuid4()}, "shop-not-found", "sender_id"),
        ({"order": uuid4(), "sender_id": shop_id}, "shop-order-not-found", "order"),
    ):
        with pytest.raises(NotFoundError) as raised:
            async with references(own, Parcel, values):
                await own.insert(Parcel, **values)
        assert raised.value.kind == kind
        assert raised.value.detail.startswith(f"{name}: ")


async def test_changed_reference_is_checked(own: Database, order_id: UUID) -> None:
    values = {"shop_id": uuid4(), "state": MISSING}
    with pytest.raises(NotFoundError, match="shop_id"):
        async with references(own, ShopOrder, values):
            await own.update(ShopOrder, order_id, shop_id=values["shop_id"])


async def test_reference_of_two_columns(own: Database, shop_id: UUID, order_id: UUID) -> None:
    values = {"shop_id": shop_id, "number": 2}
    with pytest.raises(NotFoundError) as raised:
        async with references(own, Receipt, values):
            await own.insert(Receipt, **values)
    assert raised.value.detail == "shop_id, number: there is no such shop order."
    async with references(own, Receipt, {"shop_id": shop_id, "number": None}):
        await own.insert(Receipt, shop_id=shop_id)


async def test_subset_refers_to_its_parent(own: Database) -> None:
    orders = own.subset(shop_id=uuid4())
    with pytest.raises(NotFoundError, match="shop_id: there is no such shop"):
        async with references(orders, ShopOrder, {"number": 1}):
            await orders.insert(ShopOrder, number=1)


async def test_session_refers_to_a_missing_row(own: Database, own_app: FastAPI) -> None:
    values = {"shop_id": uuid4(), "number": 1}

    async def add_order() -> None:
        async with own.write_sessions.begin() as session, references(session, ShopOrder, values):
            session.add(ShopOrder(**values))
            await session.flush()

    with pytest.raises(NotFoundError, match="shop_id"):
        await add_order()
    assert checked_out(own_app) == 0
    assert not await own.rows(ShopOrder.__table__.select())


async def test_other_violations_pass(own: Database, shop_id: UUID, order_id: UUID) -> None:
    values = {"shop_id": shop_id, "number": 1}
    with pytest.raises(IntegrityError):
        async with references(own, ShopOrder, values), unreferenced(own, ShopOrder, order_id):
            await own.insert(ShopOrder, **values)
    with pytest.raises(ConflictError, match="Taken"):
        async with (
            unique(ShopOrder.shop_id, ShopOrder.number, taken="Taken"),
            references(own, ShopOrder, values),
        ):
            await own.insert(ShopOrder, **values)
    with pytest.raises(IntegrityError):
        async with references(own, ShopOrder, {}):
            await own.insert(ShopOrder, shop_id=uuid4(), number=2)


async def test_referenced_row_stays(own: Database, order_id: UUID) -> None:
    await own.insert(Parcel, order=order_id)
    with pytest.raises(ConflictError) as raised:
        async with unreferenced(own, ShopOrder, order_id):
            await own.delete(ShopOrder, order_id)
    assert raised.value.kind == "shop-order-referenced"
    assert raised.value.detail == "parcels_of_tests.order_id refers to this shop order."
    assert await own.row(ShopOrder, order_id) is not None


async def test_row_is_kept_by_what_is_deleted_with_it(
    own: Database, shop_id: UUID, order_id: UUID
) -> None:
    await own.insert(Parcel, order=order_id, sender_id=shop_id)
    with pytest.raises(ConflictError) as raised:
        async with unreferenced(own, Shop, shop_id):
            await own.delete(Shop, shop_id)
    detail = "parcels_of_tests.order_id refers to what is deleted with this shop."
    assert raised.value.detail == detail


async def test_unreferenced_row_is_deleted(own: Database, shop_id: UUID, order_id: UUID) -> None:
    async with unreferenced(own, Shop, shop_id):
        assert await own.delete(Shop, shop_id)
    assert await own.row(ShopOrder, order_id) is None


async def test_deferred_reference_of_two_columns_keeps_a_row(
    own: Database, shop_id: UUID, order_id: UUID
) -> None:
    await own.insert(Receipt, shop_id=shop_id, number=1)
    with pytest.raises(ConflictError, match=r"receipts_of_tests\.shop_id, number refers"):
        async with unreferenced(own, ShopOrder, order_id):
            await own.delete(ShopOrder, order_id)


async def test_session_keeps_a_referenced_row(
    own: Database, own_app: FastAPI, order_id: UUID
) -> None:
    await own.insert(Parcel, order=order_id)

    async def delete_order() -> None:
        async with own.write_sessions.begin() as session:
            order = await session.get(ShopOrder, order_id)
            async with unreferenced(session, ShopOrder, order_id):
                await session.delete(order)
                await session.flush()

    with pytest.raises(ConflictError, match=r"parcels_of_tests\.order_id"):
        await delete_order()
    assert checked_out(own_app) == 0
    assert await own.row(ShopOrder, order_id) is not None
