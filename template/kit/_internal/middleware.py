"""Middleware of every request: request id, access log, headers, CORS, unexpected errors."""

import asyncio
import logging
import re
import time
from inspect import iscoroutinefunction
from typing import Any, cast
from urllib.parse import quote, urlsplit, urlunsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URL, Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars
from uuid_utils import uuid4

from kit._internal.auth.callers import SCOPE_KEY
from kit._internal.paths import with_root_path
from kit._internal.problems import UNEXPECTED, ProblemError, problem_of, problem_response
from kit._internal.routing import path_of_route
from kit.logging import in_terminal

logger = logging.getLogger(__name__)
access_logger = logging.getLogger("kit.access")

# The message with which uvicorn cancels requests after SHUTDOWN_TIMEOUT.
SHUTDOWN_MESSAGE = "timeout graceful shutdown exceeded"
ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
# Headers with which a response controls its caching; files have Last-Modified.
CACHE_HEADERS = {b"cache-control", b"last-modified"}
NO_STORE = (b"cache-control", b"no-store")
NOT_MODIFIED = 304


class RequestMiddleware:
    """Adds a request id to log records and the response, and logs the request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.in_terminal = in_terminal()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A mounted application replaces "app", but its routes use the databases of the service.
        if "app" in scope:
            scope["service"] = scope["app"]
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # A proxy in front may have set an id.
        request_id = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        if not ACCEPTABLE_ID.fullmatch(request_id):
            request_id = uuid4().hex
        # For what handles the request after the context of log records ends.
        scope["request_id"] = request_id
        start = time.perf_counter()
        status = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                id_header = (b"x-request-id", request_id.encode())
                headers = [*message["headers"], *SECURITY_HEADERS, id_header]
                if status != NOT_MODIFIED and CACHE_HEADERS.isdisjoint(dict(message["headers"])):
                    headers.append(NO_STORE)
                message["headers"] = headers
                if 300 <= status < 400:  # noqa: PLR2004
                    redirect = MutableHeaders(raw=headers)
                    if "location" in redirect:
                        redirect["location"] = relative_location(redirect["location"], scope)
            await send(message)

        tokens = bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            duration = time.perf_counter() - start
            access_logger.info("request", extra=self.record(scope, status, duration))
            reset_contextvars(**tokens)

    def record(self, scope: Scope, status: int | None, duration: float) -> dict[str, Any]:
        """Return the fields of the record in the access log."""
        record = {
            "method": scope["method"],
            # Not the path, which may have personal data and is different for each resource.
            "route": path_of_route(scope),
            "status": status,
            "duration_ms": round(duration * 1000, 1),
        }
        if self.in_terminal:
            # Helps a developer to find a wrong URL. Quoted, as it may have control characters.
            record["path"] = quote(scope["path"], errors="replace")
            del record["route"]
        # Not from the context, which a middleware between here and the route may have changed.
        caller = scope.get(SCOPE_KEY)
        if caller is not None and caller.principal is not None:
            record["principal"] = caller.principal.subject
        return record


def relative_location(location: str, scope: Scope) -> str:
    """Return the target of a redirect, as a path if it is on the host of the request.

    FastAPI uses the host that the client sent, which may be wrong behind a proxy.
    """
    request_url, target = URL(scope=scope), urlsplit(location)
    if not target.netloc:
        return location
    if (target.scheme, target.netloc) != (request_url.scheme, request_url.netloc):
        return location
    path = with_root_path(f"/{target.path.lstrip('/')}", scope)
    return urlunsplit(("", "", path, target.query, target.fragment))


class UnexpectedErrorMiddleware:
    """Logs an unexpected error, and answers 500 without its details."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def track_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, track_start)
        except asyncio.CancelledError as reason:
            if scope["type"] != "http" or SHUTDOWN_MESSAGE not in str(reason):
                raise
            if not started:
                problem = ProblemError(503, "The service is shutting down.", "shutting-down")
                await problem_response(problem)(scope, receive, send)
        except HTTPException as error:
            # From a middleware, such as one that reads a body over the limit.
            if scope["type"] != "http" or started:
                raise
            response = problem_response(problem_of(error), headers=error.headers)
            await response(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            logger.exception("unexpected error")
            # For telemetry, which does not record the error itself.
            scope["error_type"] = type(error)
            response = await self.answer_unexpected(Request(scope), error)
            await response(scope, receive, send)

    async def answer_unexpected(self, request: Request, error: Exception) -> Response:
        """Return the response of the service's handler for Exception or 500, or a problem."""
        handlers = getattr(request.app, "exception_handlers", {})
        handler = handlers.get(500) or handlers.get(Exception)
        if handler is None:
            return problem_response(ProblemError(500, UNEXPECTED))
        if iscoroutinefunction(handler):
            return cast("Response", await handler(request, error))
        return cast("Response", await run_in_threadpool(handler, request, error))


class CorsMiddleware(CORSMiddleware):
    """Answers a refused preflight request with a problem."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:  # noqa: PLR2004
            return response
        error = ProblemError(response.status_code, bytes(response.body).decode())
        return problem_response(error, headers=response.headers)
