"""A table of orders, and routes whose requests clients may repeat."""

import asyncio
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Request, Response
from httpx import AsyncClient
from pydantic import Field
from sqlalchemy import MetaData, String, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.db import ServiceDatabase
from kit.application import Service
from kit.auth import public
from kit.db import Database, select_columns, unique
from kit.errors import ConflictError
from kit.idempotency import Idempotency, idempotent
from kit.models import NAMING_CONVENTION, IdempotencyKeys
from kit.responses import location_of
from kit.schemas import Input, Output


class OwnBase(DeclarativeBase):
    """Keeps the tables out of the metadata that migrations are compared with."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Order(OwnBase):
    __tablename__ = "orders_of_tests"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(100))
    number: Mapped[str | None] = mapped_column(String(20), unique=True)


class Key(IdempotencyKeys, OwnBase):
    __tablename__ = "idempotency_keys_of_tests"


class OrderCreate(Input):
    title: Annotated[str, Field(max_length=100)]
    number: str | None = None


class OrderRead(Output):
    id: int
    title: str
    number: str | None


Once = Annotated[Idempotency, idempotent(Key)]
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


class Waiting:
    """Where a route waits, until a test has done something else."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.over = asyncio.Event()


def order_router(waiting: Waiting) -> APIRouter:
    """Return the routes of orders."""
    router = APIRouter(prefix="/orders", dependencies=[public])

    @router.post("", status_code=201)
    async def create_order(
        body: OrderCreate,
        database: ServiceDatabase,
        once: Once,
        request: Request,
        response: Response,
    ) -> OrderRead:
        async with once(database) as attempt:
            with unique(Order.number, taken="Another order has this number."):
                order = await attempt.insert(Order, **body.model_dump())
            response.headers["Location"] = location_of(request, order["id"])
            response.headers["ETag"] = '"1"'
            response.set_cookie("secret", "abc")
            return once.answer(OrderRead.model_validate(order))

    @router.put("")
    async def put_order(body: OrderCreate, database: ServiceDatabase, once: Once) -> OrderRead:
        async with once(database) as attempt:
            order = await attempt.insert(Order, **body.model_dump())
            return once.answer(OrderRead.model_validate(order))

    @router.post("/slow", status_code=201)
    async def create_slowly(body: OrderCreate, database: ServiceDatabase, once: Once) -> OrderRead:
        async with once(database) as attempt:
            order = await attempt.insert(Order, **body.model_dump())
            waiting.reached.set()
            await waiting.over.wait()
            return once.answer(OrderRead.model_validate(order))

    add_unusual_routes(router)
    add_failing_routes(router)
    return router


def add_unusual_routes(router: APIRouter) -> None:
    """Add routes whose answers are other than a new row, and one for a subset of rows."""

    @router.post("/none", status_code=204)
    async def create_silently(body: OrderCreate, database: ServiceDatabase, once: Once) -> None:
        async with once(database) as attempt:
            await attempt.insert(Order, **body.model_dump())
            return once.answer(None)

    @router.post("/accepted")
    async def accept_order(
        body: OrderCreate, database: ServiceDatabase, once: Once, response: Response
    ) -> dict[str, Any]:
        async with once(database) as attempt, attempt.write_sessions.begin() as session:
            session.add(Order(**body.model_dump()))
            response.status_code = 202
            return once.answer({"title": body.title})

    @router.post("/titled/{title}", status_code=201)
    async def create_titled(
        title: str, body: OrderCreate, database: ServiceDatabase, once: Once
    ) -> OrderRead:
        async with once(database.subset(title=title)) as attempt:
            order = await attempt.insert(Order, number=body.number)
            return once.answer(OrderRead.model_validate(order))


def add_failing_routes(router: APIRouter) -> None:
    """Add routes that fail, or one of whose statements does."""

    @router.post("/broken")
    async def fail(body: OrderCreate, database: ServiceDatabase, once: Once) -> None:
        async with once(database) as attempt:
            await attempt.insert(Order, **body.model_dump())
            async with attempt.write_sessions.begin() as session:
                session.add(Order(title="another"))
            raise ValueError(once.answer("broken"))

    @router.post("/unanswered")
    async def forget_answer(body: OrderCreate, database: ServiceDatabase, once: Once) -> None:
        async with once(database) as attempt:
            await attempt.insert(Order, **body.model_dump())

    @router.post("/again", status_code=201)
    async def create_another(body: OrderCreate, database: ServiceDatabase, once: Once) -> str:
        async with once(database) as attempt:
            try:
                await attempt.insert(Order, **body.model_dump())
            except IntegrityError:
                await attempt.insert(Order, title="with another number")
            if not await attempt.rows(select_columns(Order)):
                raise ConflictError("The transaction does not see its own rows.")
            return once.answer("created")


async def with_orders(app: Service, waiting: Waiting | None = None) -> Service:
    """Return a started service to which the routes of orders, and their tables, are added."""
    async with app.state.database.write_engine.begin() as connection:
        await connection.run_sync(OwnBase.metadata.create_all)
    app.include_router(order_router(waiting or Waiting()))
    return app


async def post(
    client: AsyncClient, path: str = "", key: str = KEY, **values: object
) -> httpx.Response:
    """Create an order by a request with a key."""
    body = {"title": "a", **values}
    return await client.post(f"/orders{path}", json=body, headers={"Idempotency-Key": key})


async def titles(database: Database) -> list[str]:
    """Return the titles of the orders that any other connection sees."""
    return [row["title"] for row in await database.rows(select(Order.title))]


async def keys(database: Database) -> list[dict[str, Any]]:
    """Return the stored answers that any other connection sees."""
    return await database.rows(select_columns(Key))
