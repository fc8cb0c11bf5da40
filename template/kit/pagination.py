"""Keyset pagination: a page starts after the last row of the previous one.

    class ProductPage(Page[ProductRead]):
        pass

    class ProductQuery(PageQuery):
        name: NamePart | None = None

A route takes the query and returns `await read_page(database, Product, query, filters)`, with
OwnedRows instead of the database for rows that have an owner, or a subset of either.
"""

import base64
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Annotated, Any, Generic, TypeVar, cast
from uuid import UUID

from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema
from sqlalchemy import ColumnElement, Select, bindparam

from kit._internal.deletion import without_deleted
from kit._internal.execution import Row
from kit._internal.statements import Model, conditions_of, key_name, key_of, select_columns
from kit._internal.subsets import is_condition_on
from kit.db import Database, Subset
from kit.schemas import Input

__all__ = [
    "PAGE_SIZE",
    "PAGE_SIZE_MAX",
    "Cursor",
    "Page",
    "PageQuery",
    "PageSize",
    "decode_cursor",
    "encode_cursor",
    "read_page",
]

# The default number of rows in a page.
PAGE_SIZE = 20
# The largest number of rows that a client may request.
PAGE_SIZE_MAX = 100


def encode_cursor(last_id: UUID) -> str:
    """Return the opaque cursor with which a client requests the rows after this one."""
    return base64.urlsafe_b64encode(last_id.bytes).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> UUID:
    """Return the id in a cursor; raise ValueError for text that is not from encode_cursor()."""
    with suppress(ValueError):
        last_id = UUID(bytes=base64.urlsafe_b64decode(f"{cursor}=="))
        if encode_cursor(last_id) == cursor:
            return last_id
    raise ValueError("not a cursor of this service")


# A parameter of a route: the id of the last row before the page, encoded as text.
Cursor = Annotated[
    UUID,
    PlainValidator(decode_cursor),
    WithJsonSchema({"type": "string", "description": "next_cursor of the page before"}),
]
# A parameter of a route: the largest number of rows in the page.
PageSize = Annotated[int, Field(ge=1, le=PAGE_SIZE_MAX)]
ItemT = TypeVar("ItemT", bound=BaseModel)


class Page(BaseModel, Generic[ItemT]):
    """Rows and the cursor of the next page. The name of a subclass is its name in OpenAPI."""

    items: list[ItemT]
    next_cursor: str | None = Field(description="For the page after this one; null on the last.")


class PageQuery(Input):
    """The query parameters of a page; a subclass adds filters."""

    limit: PageSize = PAGE_SIZE
    cursor: Cursor | None = None


async def read_page(
    database: Database | Subset,
    model: Model,
    query: PageQuery,
    filters: Sequence[ColumnElement[bool]] = (),
) -> dict[str, Any]:
    """Return the fields of a Page: rows of a model ordered by its primary key, a UUID.

    UUIDs of version 7 are ordered by time. Raises TypeError for a key of several columns.
    """
    conditions = list(filters)
    if query.cursor is not None:
        conditions.append(key_of(model) > query.cursor)
    # An extra row shows whether a next page exists.
    limit = query.limit + 1
    if isinstance(database, Subset) and all(is_condition_on(model, item) for item in filters):
        rows = await rows_of_subset(database, model, conditions, limit)
    else:
        statement = page_of(model)
        if conditions:
            statement = statement.where(*conditions)
        rows = await database.rows(statement, limit=limit)
    if len(rows) <= query.limit:
        return {"items": rows, "next_cursor": None}
    items = rows[: query.limit]
    return {"items": items, "next_cursor": encode_cursor(items[-1][key_name(model)])}


async def rows_of_subset(
    subset: Subset, model: Model, conditions: list[ColumnElement[bool]], limit: int
) -> list[Row]:
    """Return rows of a page, like Subset.rows(), which would look for tables in the statement."""
    subset.check(model)
    statement = page_of(model).where(*conditions_of(model, subset.names), *conditions)
    return await subset.executor.read(statement, {"limit": limit, **subset.conditions})


# SQLAlchemy finds the same object faster in its cache than an equal one.
@cache
def page_of(model: Model) -> Select[Any]:
    """Return the SELECT of the first page, with the parameter `limit`."""
    statement = select_columns(model).order_by(key_of(model)).limit(bindparam("limit"))
    return cast("Select[Any]", without_deleted(statement))
