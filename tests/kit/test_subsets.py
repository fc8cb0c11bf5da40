"""Subsets: statements see and change only rows with some values."""

from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, func, insert, select, update

from tests.kit.shop import Parcel, Shop, ShopOrder, create_tables
from kit.db import Database, Subset, select_columns
from kit.pagination import PageQuery, read_page


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
async def other_id(own: Database) -> UUID:
    """The key of an order of another shop."""
    shop = await own.insert(Shop)
    key: UUID = (await own.insert(ShopOrder, shop_id=shop["id"], number=7))["id"]
    return key


@pytest.fixture
def orders(own: Database, shop_id: UUID) -> Subset:
    return own.subset(shop_id=shop_id)


async def test_new_row_gets_the_values(orders: Subset, shop_id: UUID) -> None:
    order = await orders.insert(ShopOrder, number=1)
    assert order["shop_id"] == shop_id
    assert await orders.row(ShopOrder, order["id"]) == order


async def test_other_rows_do_not_exist(own: Database, orders: Subset, other_id: UUID) -> None:
    before = await own.row(ShopOrder, other_id)
    assert await orders.row(ShopOrder, other_id) is None
    assert await orders.update(ShopOrder, other_id, number=2) is None
    assert await orders.update(ShopOrder, other_id) is None
    assert not await orders.delete(ShopOrder, other_id)
    assert await own.row(ShopOrder, other_id) == before


async def test_row_is_updated_and_deleted(orders: Subset) -> None:
    order = await orders.insert(ShopOrder, number=1)
    updated = await orders.update(ShopOrder, order["id"], number=2)
    assert updated == order | {"number": 2}
    assert await orders.delete(ShopOrder, order["id"])
    assert not await orders.delete(ShopOrder, order["id"])


async def test_statement_is_limited(own: Database, orders: Subset, other_id: UUID) -> None:
    await orders.insert(ShopOrder, number=1)
    assert await orders.rows(select(ShopOrder.number)) == [{"number": 1}]
    assert [row["number"] for row in await orders.rows(select_columns(ShopOrder))] == [1]
    joined = select(Parcel.id).join(ShopOrder, Parcel.order == ShopOrder.id)
    await own.insert(Parcel, order=other_id)
    assert await orders.rows(joined) == []
    await orders.rows(update(ShopOrder).values(number=5))
    await orders.rows(delete(ShopOrder))
    assert [row["number"] for row in await own.rows(select_columns(ShopOrder))] == [7]


async def test_statement_that_cannot_be_limited_is_refused(orders: Subset) -> None:
    inner = select(ShopOrder.id).scalar_subquery()
    for statement, reason in (
        (insert(ShopOrder), "Insert cannot be limited"),
        (select(Shop.name), "no table of the statement has shop_id"),
        (select(Parcel.id).where(Parcel.order.in_(inner)), "in a subquery"),
        (select(func.count()).select_from(select(ShopOrder.id).subquery()), "in a subquery"),
    ):
        with pytest.raises(TypeError, match=reason):
            await orders.rows(statement)


async def test_page_has_the_rows_of_the_subset(orders: Subset, other_id: UUID) -> None:
    numbers = [(await orders.insert(ShopOrder, number=number))["number"] for number in range(3)]
    page = await read_page(orders, ShopOrder, PageQuery(limit=2))
    assert [row["number"] for row in page["items"]] == numbers[:2]
    assert page["next_cursor"] is not None


async def test_subset_of_a_subset_has_both_values(orders: Subset) -> None:
    new = await orders.insert(ShopOrder, number=1)
    paid = await orders.insert(ShopOrder, number=2, state="paid")
    subset = orders.subset(state="paid")
    assert await subset.row(ShopOrder, paid["id"]) == paid
    assert await subset.row(ShopOrder, new["id"]) is None


async def test_values_of_a_subset_are_fixed(orders: Subset) -> None:
    order = await orders.insert(ShopOrder, number=1)
    with pytest.raises(TypeError, match="the subset sets shop_id of ShopOrder"):
        await orders.insert(ShopOrder, number=2, shop_id=uuid4())
    with pytest.raises(TypeError, match="the subset sets shop_id of ShopOrder"):
        await orders.update(ShopOrder, order["id"], shop_id=uuid4())
    with pytest.raises(TypeError, match="has a value of shop_id already"):
        orders.subset(shop_id=uuid4())
    with pytest.raises(TypeError, match="no row equals None"):
        orders.subset(state=None)


async def test_model_without_the_attribute_is_refused(orders: Subset) -> None:
    with pytest.raises(TypeError, match="Shop has no column shop_id"):
        await orders.row(Shop, uuid4())
