"""Records errors in spans by their type: messages may contain rows and other personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import StatusCode
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

from kit._internal.error_texts import unwrap

if TYPE_CHECKING:
    from opentelemetry.trace import Span

# Clients may disconnect at any time.
EXPECTED = (ClientDisconnect, WebSocketDisconnect)


def record_error(span: Span, error: BaseException) -> None:
    """Record that a span has failed, unless a client has disconnected."""
    if not isinstance(error, EXPECTED):
        record_error_type(span, name_of_type(type(unwrap(error))))


def record_error_type(span: Span, error_type: str) -> None:
    """Record that a span has failed; `error_type` is the name of an exception or a status."""
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)
    if not error_type.isdecimal():
        span.add_event("exception", {"exception.type": error_type})


def name_of_type(kind: type[BaseException]) -> str:
    """Return the name of an error's class, with its module unless that is builtins."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
