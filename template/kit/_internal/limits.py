"""Limits the size of a request's body, and the number of values in its JSON or form.

The limit of a route is FastAPI's `max_body_size=` of `@router.post()`, `APIRouter()` or
`include_router()`. LimitedRequest extends Starlette's responder for it, to answer with a problem.
Starlette documents only the middleware around the responder. Checked with Starlette 1.10;
tests/kit/test_limits.py fails when it changes.
"""

import re
from collections.abc import Awaitable

from fastapi import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# As an object or an error, a value takes a hundred times its size. So a body may have one value per
# 100 bytes of the limit, and at least 1,000.
BYTES_PER_VALUE = 100
MIN_VALUES = 1_000
# Methods without a body unless a header declares one.
BODILESS_METHODS = {"GET", "HEAD", "OPTIONS"}
BODY_HEADERS = {b"content-length", b"transfer-encoding"}
ESCAPE = re.compile(rb"\\.", re.DOTALL)


class TooLargeError(HTTPException):
    """The body exceeds the limit of the service or the route."""

    def __init__(self, detail: str) -> None:
        # The server does not wait for the rest of the body.
        super().__init__(413, detail, {"Connection": "close"})


class ValueCounter:
    """Counts the commas of JSON outside of strings."""

    def __init__(self) -> None:
        self.count = 0
        self.in_string = False
        self.rest = b""

    def feed(self, chunk: bytes) -> None:
        """Count the commas in the next part of the text."""
        if b"\0" in chunk:
            # UTF-16 or UTF-32, where quotes and escapes are not single bytes.
            self.count += chunk.count(b",")
            return
        text = ESCAPE.sub(b"", self.rest + chunk)
        self.rest = b"\\" if text.endswith(b"\\") else b""
        for part in text.split(b'"'):
            if not self.in_string:
                self.count += part.count(b",")
            self.in_string = not self.in_string
        # No quote follows the last part.
        self.in_string = not self.in_string


class FieldCounter:
    """Counts the separators of a form's fields."""

    def __init__(self) -> None:
        self.count = 0

    def feed(self, chunk: bytes) -> None:
        """Count the separators in the next part of the form."""
        self.count += chunk.count(b"&")


class LimitedRequest(RequestBodyLimitResponder):
    """A request with a limited body; a route with its own limit sets `max_body_size`."""

    counter: ValueCounter | FieldCounter | None = None

    async def receive_with_limit(self) -> Message:
        """Receive a part of the body; raise TooLargeError if it exceeds a limit."""
        limit = self.max_body_size
        if self.content_length is not None and self.content_length > limit:
            raise TooLargeError(f"The body is larger than {limit} bytes.")
        message = await self.receive()
        if message["type"] == "http.request":
            body = message.get("body", b"")
            self.total_size += len(body)
            if self.total_size > limit:
                raise TooLargeError(f"The body is larger than {limit} bytes.")
            self.count_values(body, max(MIN_VALUES, limit // BYTES_PER_VALUE), message)
        return message

    def count_values(self, body: bytes, limit: int, message: Message) -> None:
        """Raise TooLargeError if the body has more values, before it is parsed."""
        if self.counter is None:
            more = message.get("more_body", False)
            # A body cannot have more values than bytes; most bodies are this short.
            if not more and len(body) < limit:
                return
            self.counter = counter_of(self.scope)
            if self.counter is None:
                return
        self.counter.feed(body)
        if self.counter.count >= limit:
            raise TooLargeError(f"The body has more than {limit} values.")

    async def send_with_limit(self, message: Message) -> None:
        """Send, and remember that the response has started and cannot be replaced."""
        if message["type"] == "http.response.start":
            self.response_started = True
        await self.send(message)


class LimitMiddleware:
    """Limits the bodies of all requests."""

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        self.app = app
        self.max_body_size = max_body_size

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and may_have_body(scope):
            return LimitedRequest(self.app, self.max_body_size)(scope, receive, send)
        return self.app(scope, receive, send)


def may_have_body(scope: Scope) -> bool:
    """Return whether a request may have a body; most that only read have none."""
    if scope["method"] not in BODILESS_METHODS:
        return True
    return not BODY_HEADERS.isdisjoint(dict(scope["headers"]))


def counter_of(scope: Scope) -> ValueCounter | FieldCounter | None:
    """Return a counter for this content type; None if its values are not counted."""
    content_type: bytes = dict(scope["headers"]).get(b"content-type", b"").lower()
    if b"json" in content_type:
        return ValueCounter()
    if b"x-www-form-urlencoded" in content_type:
        return FieldCounter()
    return None
