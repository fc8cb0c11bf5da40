"""What the body of a request may be: how many bytes, and how many values of JSON or of a form.

The limit of a route is FastAPI's own `max_body_size=`, of `@router.post()`, `APIRouter()` or
`include_router()`. This is Starlette's middleware for it, which answers with a problem.
"""

import re
from collections.abc import Awaitable

from fastapi import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A value costs a hundred times its bytes once it is an object, and an error once it is refused.
BYTES_PER_VALUE = 100
MIN_VALUES = 1_000
# Methods that have no body unless a header announces it.
BODILESS = {"GET", "HEAD", "OPTIONS"}
BODY_HEADERS = {b"content-length", b"transfer-encoding"}
ESCAPE = re.compile(rb"\\.", re.DOTALL)


class TooLargeError(HTTPException):
    """The body is more than the service, or the route, accepts."""

    def __init__(self, detail: str) -> None:
        # The rest of the body is not worth waiting for.
        super().__init__(413, detail, {"Connection": "close"})


class ValueCounter:
    """Counts the commas of a JSON text that stand outside of its strings."""

    def __init__(self) -> None:
        self.count = 0
        self.in_string = False
        self.rest = b""

    def feed(self, chunk: bytes) -> None:
        if b"\0" in chunk:
            # UTF-16 or UTF-32: quotes and escapes are not single bytes.
            self.count += chunk.count(b",")
            return
        text = ESCAPE.sub(b"", self.rest + chunk)
        self.rest = b"\\" if text.endswith(b"\\") else b""
        for part in text.split(b'"'):
            if not self.in_string:
                self.count += part.count(b",")
            self.in_string = not self.in_string
        # The last part has no quote behind it.
        self.in_string = not self.in_string


class FieldCounter:
    """Counts the separators of a form's fields."""

    def __init__(self) -> None:
        self.count = 0

    def feed(self, chunk: bytes) -> None:
        self.count += chunk.count(b"&")


class LimitedRequest(RequestBodyLimitResponder):
    """One request; a route with a limit of its own replaces `max_body_size`."""

    counter: ValueCounter | FieldCounter | None = None

    async def receive_with_limit(self) -> Message:
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
        """Refuse a body of more values than that, before it is parsed and validated."""
        if self.counter is None:
            more = message.get("more_body", False)
            # As many bytes as values: most bodies are shorter.
            if not more and len(body) < limit:
                return
            self.counter = counter_of(self.scope)
            if self.counter is None:
                return
        self.counter.feed(body)
        if self.counter.count >= limit:
            raise TooLargeError(f"The body has more than {limit} values.")

    async def send_with_limit(self, message: Message) -> None:
        """Note that the response has started; it stands, even if the body was not read."""
        if message["type"] == "http.response.start":
            self.response_started = True
        await self.send(message)


class LimitMiddleware:
    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        self.app = app
        self.max_body_size = max_body_size

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and may_have_body(scope):
            return LimitedRequest(self.app, self.max_body_size)(scope, receive, send)
        return self.app(scope, receive, send)


def may_have_body(scope: Scope) -> bool:
    """Return whether there is a body to look at: most requests that only read have none."""
    if scope["method"] not in BODILESS:
        return True
    return not BODY_HEADERS.isdisjoint(dict(scope["headers"]))


def counter_of(scope: Scope) -> ValueCounter | FieldCounter | None:
    """Return what counts the values of this type of body; None where they are not counted."""
    content_type: bytes = dict(scope["headers"]).get(b"content-type", b"").lower()
    if b"json" in content_type:
        return ValueCounter()
    if b"x-www-form-urlencoded" in content_type:
        return FieldCounter()
    return None
