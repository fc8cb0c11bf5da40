"""Keyset pagination: a page starts after the last row of the one before."""

import base64
from contextlib import suppress
from typing import Annotated
from uuid import UUID

from pydantic import Field, PlainValidator, WithJsonSchema

__all__ = [
    "PAGE_SIZE",
    "PAGE_SIZE_MAX",
    "Cursor",
    "PageSize",
    "decode_cursor",
    "encode_cursor",
]

# How many rows a page has where the client does not say.
PAGE_SIZE = 20
# How many a client may ask for.
PAGE_SIZE_MAX = 100


def encode_cursor(last_id: UUID) -> str:
    """Return the opaque text by which a client asks for the rows after this one."""
    return base64.urlsafe_b64encode(last_id.bytes).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> UUID:
    """Return the id in a cursor; raise ValueError for a text that encode_cursor never returned."""
    with suppress(ValueError):
        last_id = UUID(bytes=base64.urlsafe_b64decode(f"{cursor}=="))
        if encode_cursor(last_id) == cursor:
            return last_id
    raise ValueError("not a cursor of this service")


# A parameter of a route: the id of the last row before the page, of which clients see a text.
Cursor = Annotated[
    UUID,
    PlainValidator(decode_cursor),
    WithJsonSchema({"type": "string", "description": "next_cursor of the page before"}),
]
# A parameter of a route: how many rows the page may have.
PageSize = Annotated[int, Field(ge=1, le=PAGE_SIZE_MAX)]
