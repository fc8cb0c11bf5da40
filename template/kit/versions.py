"""Versions of rows in HTTP: ETag, If-Match and If-None-Match, so that no update is lost.

    class Product(Versioned, UUIDKey, Timestamped, Base):
        __tablename__ = "products"

    @router.get("/{product_id}", responses=problem_responses(404) | etag_responses(200, 304))
    async def get_product(
        product_id: UUID, database: ServiceDatabase, request: Request, response: Response
    ) -> ProductRead:
        product = await database.row(Product, product_id)
        if product is None:
            raise NotFoundError("product")
        set_etag(request, response, product)
        return ProductRead.model_validate(product)

    @router.patch(
        "/{product_id}", responses=problem_responses(400, 404, 412) | etag_responses(200)
    )
    async def update_product(
        product_id: UUID,
        body: ProductUpdate,
        database: ServiceDatabase,
        if_match: IfMatch,
        request: Request,
        response: Response,
    ) -> ProductRead:
        values = body.model_dump()
        product = await update_version(database, Product, product_id, if_match, **values)
        if product is None:
            raise NotFoundError("product")
        set_etag(request, response, product)
        return ProductRead.model_validate(product)

`Versioned` is in kit.models. The rules are those of RFC 9110: 8.8.3 for ETag, 13.1.1 for If-Match,
13.1.2 for If-None-Match, 13.2.2 for their order. If-Match is optional: without it, the last change
wins. With a session, call `if_match.check(product)` after
`session.get(Product, product_id, with_for_update=True)`.
"""

import hashlib
import json
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from kit._internal.entity_tags import tag_of
from kit._internal.execution import Row
from kit._internal.preconditions import (
    Preconditions,
    VersionMismatchError,
    matches_weakly,
    read_if_none_match,
    version_of,
)
from kit._internal.preconditions import PreconditionsOfRequest as IfMatch
from kit._internal.problems import ProblemError
from kit._internal.statements import Model

__all__ = [
    "IfMatch",
    "NotModifiedError",
    "Preconditions",
    "VersionMismatchError",
    "delete_version",
    "etag_responses",
    "set_etag",
    "set_page_etag",
    "update_version",
]

# A browser may store the answer, a shared cache may not; each use asks whether it is still valid.
CACHE_CONTROL = "private, no-cache"
READING_METHODS = {"GET", "HEAD"}
ETAG_HEADER = {
    "description": "The version, for If-Match and If-None-Match",
    "schema": {"type": "string"},
}
DESCRIPTIONS = {200: "Successful Response", 201: "Created", 304: "Not Modified"}


class RowChanges(Protocol):
    """What update_version() and delete_version() need of Database, OwnedRows and their subsets."""

    async def row(self, model: Model, key: object) -> Row | None: ...

    async def update(self, model: Model, key: object, /, **values: object) -> Row | None: ...

    async def delete(self, model: Model, key: object) -> bool: ...

    def subset(self, **values: object) -> "RowChanges": ...


class NotModifiedError(ProblemError):
    """304: the client has this version (RFC 9110, 15.4.5). The answer has no body."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__(304, "The client has this version.")
        self.headers = headers


async def update_version(
    rows: RowChanges, model: Model, key: object, if_match: Preconditions, /, **values: object
) -> Row | None:
    """Update a row like `rows.update()`, if the preconditions of the request hold.

    Raises VersionMismatchError (412) if they do not. Of several requests for the same version, one
    changes the row: the statement has the version as a condition. Returns None if no row has this
    primary key; preconditions are then ignored (RFC 9110, 13.2.1).
    """
    limited = await limited_to_version(rows, model, key, if_match)
    if limited is None:
        return None
    row = await limited.update(model, key, **values)
    if row is None and limited is not rows:
        await refuse_existing(rows, model, key)
    return row


async def delete_version(
    rows: RowChanges, model: Model, key: object, if_match: Preconditions, /
) -> bool:
    """Delete a row like `rows.delete()`, with the conditions of update_version().

    Returns whether a row had this primary key.
    """
    limited = await limited_to_version(rows, model, key, if_match)
    if limited is None:
        return False
    is_deleted = await limited.delete(model, key)
    if not is_deleted and limited is not rows:
        await refuse_existing(rows, model, key)
    return is_deleted


async def limited_to_version(
    rows: RowChanges, model: Model, key: object, if_match: Preconditions
) -> RowChanges | None:
    """Return the rows of the version that may be changed; None if no row has this key.

    Reads the row only if its version decides, as for a list of tags.
    """
    if if_match.always_hold:
        return rows
    version = if_match.only_version()
    if version is None:
        row = await rows.row(model, key)
        if row is None:
            return None
        if_match.check(row)
        version = version_of(row)
    return rows.subset(version=version)


async def refuse_existing(rows: RowChanges, model: Model, key: object) -> None:
    """Raise VersionMismatchError if a row has this key."""
    if await rows.row(model, key) is not None:
        raise VersionMismatchError


def set_etag(request: Request, response: Response, row: Any) -> None:  # noqa: ANN401
    """Set ETag to the version of a row, or of an object of a session.

    For GET and HEAD, sets Cache-Control, unless the route has set it: set it to "no-store" before
    where answers must not be stored. Raises NotModifiedError (304) if the client has this version.
    """
    set_tag(request, response, tag_of(version_of(row)))


def set_page_etag(request: Request, response: Response, page: dict[str, Any]) -> None:
    """Set ETag to a weak tag of the rows in a page of read_page(), otherwise like set_etag().

    It saves the transfer of the page, not its statement.
    """
    content = json.dumps(page, default=str)
    digest = hashlib.sha256(content.encode()).hexdigest()[:32]
    set_tag(request, response, f'W/"{digest}"')


def set_tag(request: Request, response: Response, tag: str) -> None:
    response.headers["ETag"] = tag
    if request.method not in READING_METHODS:
        return
    response.headers.setdefault("Cache-Control", CACHE_CONTROL)
    tags = read_if_none_match(request)
    if tags is not None and matches_weakly(tags, tag):
        # With the headers of the answer that it stands for (RFC 9110, 15.4.5).
        raise NotModifiedError(dict(response.headers))


def etag_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the part of `responses=` for answers with an ETag: 200, 201 and 304.

    The OpenAPI document of a Service then has If-None-Match for a route with 304.
    """
    responses: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        responses[status] = {
            "description": DESCRIPTIONS[status],
            "headers": {"ETag": ETAG_HEADER},
        }
    return responses
