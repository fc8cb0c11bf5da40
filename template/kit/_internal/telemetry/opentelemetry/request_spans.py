"""Spans of requests and of WebSockets, named by the route and not by the path.

An ASGI middleware of this project, as that of `opentelemetry-instrumentation-asgi` records paths,
queries, addresses of clients and a span for each message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import SpanKind, set_span_in_context

from kit._internal.routing import path_of_route
from kit._internal.telemetry.opentelemetry.errors import (
    name_of_type,
    record_error,
    record_error_type,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Span
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from kit._internal.telemetry.opentelemetry.providers import Providers

FindProviders = Callable[[], "Providers | None"]

HEALTH_PATHS = {"/health/live", "/health/ready"}
# Others are any text that the client sends.
METHODS = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
UNKNOWN_METHOD = "_OTHER"
WEBSOCKET = "WS"
SERVER_ERROR = 500
# Statuses of the handshake of a WebSocket.
ACCEPTED, REFUSED = 101, 403


class TracingMiddleware:
    """Records a span for each request and each WebSocket, except those of health checks.

    A request that is not sampled costs little: it has a span without attributes, whose ids are in
    the log and in outgoing requests.
    """

    def __init__(self, app: ASGIApp, find_providers: FindProviders) -> None:
        self.app = app
        self.find_providers = find_providers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        providers = self.find_providers()
        if providers is None or providers.tracer is None or not is_recorded(scope):
            await self.app(scope, receive, send)
            return
        parent = parent_of(scope, providers)
        span = providers.tracer.start_span(method_of(scope), parent, SpanKind.SERVER)
        token = attach(set_span_in_context(span, parent))
        try:
            if span.is_recording():
                await RequestSpan(span, scope, send).run(self.app, receive)
            else:
                await self.app(scope, receive, send)
        finally:
            detach(token)


class RequestSpan:
    """The span of a request or of a WebSocket that is sampled."""

    def __init__(self, span: Span, scope: Scope, send: Send) -> None:
        self.span = span
        self.scope = scope
        self.send = send
        self.status: int | None = None
        self.request_id: str | None = None

    async def run(self, app: ASGIApp, receive: Receive) -> None:
        """Run the application; end the span when the application ends."""
        try:
            await app(self.scope, receive, self.note_message)
        except BaseException as error:
            record_error(self.span, error)
            raise
        finally:
            self.record()
            self.span.end()

    async def note_message(self, message: Message) -> None:
        """Keep the status and the request id of a response; send it."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            self.request_id = request_id_of(message)
        elif kind == "websocket.accept":
            self.status = ACCEPTED
        elif kind == "websocket.close" and self.status is None:
            self.status = REFUSED
        await self.send(message)

    def record(self) -> None:
        """Record the name, the attributes and the status of the span."""
        method, route = method_of(self.scope), path_of_route(self.scope)
        self.span.update_name(name_of(method, route))
        attributes: dict[str, str | int | None] = {
            "http.request.method": method if method != WEBSOCKET else "GET",
            "http.route": route,
            "http.response.status_code": self.status,
            "url.scheme": self.scope.get("scheme"),
            "request_id": self.request_id,
        }
        for name, value in attributes.items():
            if value is not None:
                self.span.set_attribute(name, value)
        if self.status is not None and self.status >= SERVER_ERROR:
            error_type = self.scope.get("error_type")
            if error_type is None:
                record_error_type(self.span, str(self.status))
            else:
                record_error_type(self.span, name_of_type(error_type))


def is_recorded(scope: Scope) -> bool:
    """Return whether a connection is a WebSocket, or a request other than a health check."""
    if scope["type"] != "http":
        return bool(scope["type"] == "websocket")
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) not in HEALTH_PATHS


def parent_of(scope: Scope, providers: Providers) -> Context:
    """Return the context that the client sends, empty if it sends none or an invalid one."""
    carrier = {}
    for name, value in scope["headers"]:
        if name in providers.propagated_headers:
            carrier[name.decode("latin-1")] = value.decode("latin-1")
    if not carrier:
        return Context()
    return providers.propagator.extract(carrier, Context())


def method_of(scope: Scope) -> str:
    """Return the method of a request; WS for a WebSocket."""
    if scope["type"] == "websocket":
        return WEBSOCKET
    method: str = scope["method"]
    return method if method in METHODS else UNKNOWN_METHOD


def name_of(method: str, route: str | None) -> str:
    """Return the name of a span: the method, and the route if it is known."""
    if method == UNKNOWN_METHOD:
        method = "HTTP"
    if route is None:
        return method
    return f"{method} {route}"


def request_id_of(message: Message) -> str | None:
    """Return the id that RequestMiddleware adds to the headers of a response."""
    for name, value in reversed(message["headers"]):
        if name == b"x-request-id":
            return str(value, "latin-1")
    return None
