"""What surrounds every request: its id, its line in the log, its headers, its last resort."""

import asyncio
import logging
import re
import time
from secrets import token_hex

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from app.errors import ProblemError, problem_response

logger = logging.getLogger(__name__)
access_logger = logging.getLogger("app.access")

# What uvicorn says to a request that it cancels after SHUTDOWN_TIMEOUT.
SHUTDOWN = "timeout graceful shutdown exceeded"
ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]


class RequestMiddleware:
    """Gives a request its id, which every log record and the response carry, and logs it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # A proxy in front may have given it one.
        request_id = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        if not ACCEPTABLE_ID.fullmatch(request_id):
            request_id = token_hex(16)
        start = time.perf_counter()
        status = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                id_header = (b"x-request-id", request_id.encode())
                message["headers"] = [*message["headers"], *SECURITY_HEADERS, id_header]
            await send(message)

        tokens = bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            record = {
                "method": scope["method"],
                # Not the path: routes are few, and hold no personal data.
                "route": getattr(scope.get("route"), "path", None),
                "status": status,
                "duration_ms": round((time.perf_counter() - start) * 1000, 1),
            }
            access_logger.info("request", extra=record)
            reset_contextvars(**tokens)


class UnexpectedErrorMiddleware:
    """Answers an error that nobody expected: logged in full, told without internals."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except asyncio.CancelledError as reason:
            if scope["type"] != "http" or SHUTDOWN not in str(reason):
                raise
            if not started:
                problem = ProblemError(503, "The service is shutting down.", "shutting-down")
                await problem_response(problem)(scope, receive, send)
        except Exception:
            if scope["type"] != "http" or started:
                raise
            logger.exception("unexpected error")
            error = ProblemError(500, "This was not expected; it has been logged.")
            await problem_response(error)(scope, receive, send)
