"""The check of documented errors knows what functions of kit raise."""

from typing import Any
from uuid import UUID

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from app.db import ServiceDatabase
from tests.kit.shop import ShopOrder
from kit import db
from kit._internal.testing.raising import raised_statuses
from kit.db import references, unreferenced
from kit.testing import only

router = APIRouter()


@router.post("/create")
async def create_order(body: dict[str, Any], database: ServiceDatabase) -> None:
    async with references(database, ShopOrder, body):
        await database.insert(ShopOrder, **body)


@router.delete("/delete")
async def delete_order(order_id: UUID, database: ServiceDatabase) -> None:
    async with unreferenced(database, ShopOrder, order_id):
        await database.delete(ShopOrder, order_id)


@router.patch("/update")
async def update_order(body: dict[str, Any], database: ServiceDatabase) -> None:
    await change(body, database)


async def change(values: dict[str, Any], database: ServiceDatabase) -> None:
    """A function that the route calls, and a name with its module."""
    async with db.references(database, ShopOrder, values):
        await database.insert(ShopOrder, **values)


@pytest.mark.parametrize(
    ("path", "statuses"), [("/create", {404}), ("/delete", {409}), ("/update", {404})]
)
def test_statuses_of_functions_of_kit_are_found(path: str, statuses: set[int]) -> None:
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    route = only(route for route in routes if route.path == path)
    assert raised_statuses(route, "tests") == statuses
