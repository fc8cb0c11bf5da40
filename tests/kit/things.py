"""A table with a column of each type, and routes for it."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Query
from pydantic import Field
from sqlalchemy import JSON, BigInteger, String, literal
from sqlalchemy import Text as TextColumn
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.db import ServiceDatabase
from kit.db import Database
from kit.models import ExactDecimal, TextEnum, UTCDateTime, UUIDKey
from kit.pagination import Page, PageQuery, read_page
from kit.schemas import (
    FiniteFloat,
    Input,
    Int32,
    Int64,
    JSONValue,
    Line,
    LinePart,
    Output,
    Text,
    UTCTime,
)


class Base(DeclarativeBase):
    """Keeps the table out of the metadata that migrations are compared with."""

    type_annotation_map = {datetime: UTCDateTime}  # noqa: RUF012


class Color(StrEnum):
    RED = "red"
    DARK_BLUE = "dark blue"


class Thing(UUIDKey, Base):
    """Has a column of each type."""

    __tablename__ = "things_of_tests"

    title: Mapped[str | None] = mapped_column(String(12))
    note: Mapped[str | None] = mapped_column(TextColumn)
    count: Mapped[int | None]
    big: Mapped[int | None] = mapped_column(BigInteger)
    price: Mapped[Decimal | None] = mapped_column(ExactDecimal(10, 2))
    whole: Mapped[Decimal | None] = mapped_column(ExactDecimal(18, 0))
    small: Mapped[Decimal | None] = mapped_column(ExactDecimal(18, 18))
    ratio: Mapped[float | None]
    day: Mapped[date | None]
    moment: Mapped[datetime | None]
    color: Mapped[Color | None] = mapped_column(TextEnum(Color))
    data: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    fee: Mapped[Decimal] = mapped_column(
        ExactDecimal(10, 2),
        default=Decimal("0.25"),
        server_default=literal(Decimal("-1.50"), ExactDecimal(10, 2)),
    )


class ThingCreate(Input):
    title: Annotated[Line, Field(max_length=12)] | None = None
    note: Text | None = None
    count: Int32 | None = None
    big: Int64 | None = None
    price: Annotated[Decimal, Field(max_digits=10, decimal_places=2)] | None = None
    whole: Annotated[Decimal, Field(max_digits=18, decimal_places=0)] | None = None
    small: Annotated[Decimal, Field(max_digits=18, decimal_places=18)] | None = None
    ratio: FiniteFloat | None = None
    day: date | None = None
    moment: UTCTime | None = None
    color: Color | None = None
    data: JSONValue = None


class ThingRead(Output):
    id: UUID
    title: str | None
    note: str | None
    count: int | None
    big: int | None
    price: Decimal | None
    whole: Decimal | None
    small: Decimal | None
    ratio: float | None
    day: date | None
    moment: datetime | None
    color: Color | None
    data: Any


class ThingPage(Page[ThingRead]):
    pass


class ThingQuery(PageQuery):
    title: Annotated[LinePart, Field(max_length=12)] | None = None
    count: Int32 | None = None
    big: Int64 | None = None
    price: Annotated[Decimal, Field(max_digits=10, decimal_places=2)] | None = None
    ratio: FiniteFloat | None = None
    day: date | None = None
    moment: UTCTime | None = None
    color: Color | None = None


def add_routes(app: FastAPI) -> None:
    @app.post("/things", status_code=201)
    async def create_thing(body: ThingCreate, database: ServiceDatabase) -> ThingRead:
        return ThingRead.model_validate(await database.insert(Thing, **body.model_dump()))

    @app.get("/things")
    async def list_things(
        query: Annotated[ThingQuery, Query()], database: ServiceDatabase
    ) -> ThingPage:
        filters = [
            getattr(Thing, name) == value
            for name, value in query.model_dump(exclude_none=True).items()
            if name != "limit"
        ]
        return ThingPage.model_validate(await read_page(database, Thing, query, filters))


async def create_tables(database: Database) -> None:
    async with database.write_engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
