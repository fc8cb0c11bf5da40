"""Spans of outgoing HTTP requests by httpx or httpx2, and the header `traceparent` in them.

Replaces a method of the transports' classes while the service runs, so that the clients of the
service and of libraries are traced without a change.

- The public equivalent: a transport of one's own around HTTPTransport, passed to each client.
- `opentelemetry-instrumentation-httpx` replaces the same methods, but records whole URLs.
- Checked with httpx 0.28 and httpx2 2.16. The tests of telemetry fail when a call has no span.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack, contextmanager
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind, get_current_span, set_span_in_context

from kit._internal.telemetry.opentelemetry.errors import record_error, record_error_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import Span, Tracer

Handle = Callable[[Any, Any], Any]
HandleAsync = Callable[[Any, Any], Awaitable[Any]]

LIBRARIES = ("httpx", "httpx2")
PORTS = {"http": 80, "https": 443}
# Of a client, both 4xx and 5xx are errors.
CLIENT_ERROR = 400


@contextmanager
def trace_clients(tracer: Tracer, propagator: TextMapPropagator) -> Iterator[None]:
    """Trace requests of the libraries that are installed."""
    calls = ClientSpans(tracer, propagator)
    with ExitStack() as stack:
        for name in LIBRARIES:
            if find_spec(name) is not None:
                library = import_module(name)
                stack.enter_context(replaced(library.HTTPTransport, "handle_request", calls.trace))
                stack.enter_context(
                    replaced(library.AsyncHTTPTransport, "handle_async_request", calls.trace_async)
                )
        yield


@contextmanager
def replaced(owner: type, name: str, wrap: Callable[[Any], Any]) -> Iterator[None]:
    """Replace a method of a class by what `wrap` returns for it."""
    original = getattr(owner, name)
    setattr(owner, name, wrap(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


class ClientSpans:
    """Records calls within a trace; a call outside of any trace is sent as it is."""

    def __init__(self, tracer: Tracer, propagator: TextMapPropagator) -> None:
        self.tracer = tracer
        self.propagator = propagator

    def trace(self, handle: Handle) -> Handle:
        """Return a method that sends a request within a span."""

        @wraps(handle)
        def send(transport: Any, request: Any) -> Any:  # noqa: ANN401
            with self.span(request) as span:
                response = handle(transport, request)
                record_status(span, response.status_code)
            return response

        return send

    def trace_async(self, handle: HandleAsync) -> HandleAsync:
        """Return an asynchronous method that sends a request within a span."""

        @wraps(handle)
        async def send(transport: Any, request: Any) -> Any:  # noqa: ANN401
            with self.span(request) as span:
                response = await handle(transport, request)
                record_status(span, response.status_code)
            return response

        return send

    @contextmanager
    def span(self, request: Any) -> Iterator[Span]:  # noqa: ANN401
        """Record a span, and send its ids in the headers of the request."""
        parent = get_current_span()
        if not parent.is_recording():
            if parent.get_span_context().is_valid:
                self.propagator.inject(request.headers)
            yield parent
            return
        url = request.url
        attributes = {
            "http.request.method": request.method,
            "server.address": url.host,
            "server.port": url.port or PORTS.get(url.scheme, 0),
        }
        span = self.tracer.start_span(request.method, kind=SpanKind.CLIENT, attributes=attributes)
        self.propagator.inject(request.headers, set_span_in_context(span))
        try:
            yield span
        except BaseException as error:
            record_error(span, error)
            raise
        finally:
            span.end()


def record_status(span: Span, status: int) -> None:
    """Record the status of a response."""
    if span.is_recording():
        span.set_attribute("http.response.status_code", status)
        if status >= CLIENT_ERROR:
            record_error_type(span, str(status))
