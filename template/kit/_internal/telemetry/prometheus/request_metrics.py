"""The metrics of requests, and the middleware that records them."""

import time
from collections.abc import Awaitable

from prometheus_client import Gauge, Histogram
from prometheus_client.registry import Collector
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit._internal import routing

# A client may send any word as its method: others share a label.
METHODS = {*routing.METHODS, "HEAD"}
OTHER_METHOD = "other"
# The label of requests that no route answers, such as those for unknown paths.
UNMATCHED = "unmatched"
# Requests of the platform, which would hide a change in those of clients: they are many and fast,
# and an answer 503 is what they are for.
HEALTH_ROUTES = {"/health/live", "/health/ready"}
# Upper bounds in seconds: answers without a slow query take a few milliseconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class RequestMetrics:
    """The metrics of requests: durations without health routes, and how many are in progress."""

    def __init__(self) -> None:
        self.in_progress = 0
        self.websockets = 0
        self.durations = Histogram(
            "http_request_duration_seconds",
            "Time until the end of a response was sent, without health routes.",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=None,
        )
        # Children of the histogram by method, route and class of status, as labels() takes longer.
        self.children: dict[tuple[str, str, int], Histogram] = {}

    def record(self, scope: Scope, status: int, duration: float) -> None:
        """Record a request that has ended."""
        route = routing.path_of_route(scope) or UNMATCHED
        if route in HEALTH_ROUTES:
            return
        method = scope["method"]
        if method not in METHODS:
            method = OTHER_METHOD
        key = (method, route, status // 100)
        child = self.children.get(key)
        if child is None:
            child = self.durations.labels(method, route, f"{status // 100}xx")
            self.children[key] = child
        child.observe(duration)

    def collectors(self) -> list[Collector]:
        """Return what a registry has to collect."""
        requests = Gauge(
            "http_requests_in_progress", "Requests that have not ended.", registry=None
        )
        requests.set_function(lambda: self.in_progress)
        websockets = Gauge("websocket_connections", "Open WebSockets.", registry=None)
        websockets.set_function(lambda: self.websockets)
        return [self.durations, requests, websockets]


class MetricsMiddleware:
    """Records requests and WebSockets."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self.app = app
        self.metrics = metrics

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            return self.record_request(scope, receive, send)
        if scope["type"] == "websocket":
            return self.count_websocket(scope, receive, send)
        return self.app(scope, receive, send)

    async def count_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.metrics.websockets += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.metrics.websockets -= 1

    async def record_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the request with the status that the client received.

        If it fails before the end of the response, that is 500: the server answers so, or
        disconnects. The time of background tasks does not count.
        """
        status = 500
        end = None

        def observe(message: Message) -> Awaitable[None]:
            nonlocal status, end
            kind = message["type"]
            if kind == "http.response.start":
                status = message["status"]
            elif kind in routing.BODY_MESSAGES and not message.get("more_body"):
                end = time.perf_counter()
            return send(message)

        self.metrics.in_progress += 1
        start = time.perf_counter()
        try:
            await self.app(scope, receive, observe)
        except ClientDisconnect:
            raise
        except BaseException:
            if end is None:
                status = 500
            raise
        finally:
            self.metrics.in_progress -= 1
            self.metrics.record(scope, status, (end or time.perf_counter()) - start)
