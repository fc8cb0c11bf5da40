"""The resource `orders` that a team has added to its service of 1.x: models, routes and a test."""

from pathlib import Path

from harness.file_edits import change, create

MODELS = '''"""Orders."""

from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, Timestamped


class Order(Timestamped, Base):
    __tablename__ = "orders"

    number: Mapped[str] = mapped_column(String(20), unique=True)
    items: Mapped[list["Item"]] = relationship(back_populates="order")


class Item(Timestamped, Base):
    __tablename__ = "items"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    amount: Mapped[int]
    order: Mapped[Order] = relationship(back_populates="items")


class Note(Base):
    __tablename__ = "notes"
    __table_args__ = {SCHEMA}  # noqa: RUF012

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    text: Mapped[str]
'''
ROUTES = '''"""Orders."""

from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import exc

from app.db import ReadDatabase, WriteSession, is_duplicate
from app.errors import (
    ProblemError,  # ours
    problem_responses,
)
from app.models import Order
from app.pagination import encode_cursor

router = APIRouter(prefix="/orders", tags=["orders"], responses=problem_responses(422, 500, 503))


@router.get("/{order_id}", responses=problem_responses(404))
async def get_order(order_id: UUID, database: ReadDatabase) -> dict[str, str]:
    row = await database.row(Order, order_id)
    if row is None:
        raise ProblemError(404, "There is no order with this id.", "order-not-found")
    return {"number": row["number"], "cursor": encode_cursor(order_id)}


@router.post("", status_code=201, responses=problem_responses(409))
async def create_order(number: str, session: WriteSession) -> dict[str, str]:
    session.add(Order(number=number))
    try:
        await session.flush()
    except exc.IntegrityError as error:
        if is_duplicate(error, "orders", "number"):
            raise ProblemError(409, "This number is taken.", "order-exists") from error
        raise
    return {"number": number}
'''
TEST = """from uuid import uuid4

from httpx import AsyncClient

from tests.serving import assert_problem


async def test_order_is_missing(client: AsyncClient) -> None:
    response = await client.get(f"/orders/{uuid4()}")
    assert_problem(response, 404, "order-not-found")
"""


def add_orders(folder: Path, schema: str) -> None:
    """Add three related tables, one of them in a schema if it has a name, routes, and their test."""
    options = f'"schema": "{schema}"' if schema else ""
    create("app/models/order.py", MODELS.replace("SCHEMA", options))(folder)
    create("app/orders/__init__.py", "")(folder)
    create("app/orders/routes.py", ROUTES)(folder)
    create("tests/test_orders.py", TEST)(folder)
    change(
        "app/models/__init__.py",
        ("import Base\n", "import Base\nfrom app.models.order import Item, Note, Order\n"),
        ('"Base", "User"', '"Base", "Item", "Note", "Order", "User"'),
    )(folder)
    change(
        "app/main.py",
        (
            "from app.settings",
            "from app.orders.routes import router as orders_router\nfrom app.settings",
        ),
        (
            "    add_error_handlers(app)\n",
            "    add_error_handlers(app)\n    app.include_router(orders_router)\n",
        ),
    )(folder)
