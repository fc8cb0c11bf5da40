"""Metrics over OTLP: durations of requests, and connections to the databases."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import CallbackOptions, Observation
from sqlalchemy.pool import QueuePool

from kit._internal.routing import path_of_route
from kit._internal.telemetry.opentelemetry.request_spans import is_recorded, method_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.metrics import Histogram, Meter
    from sqlalchemy import Engine
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from kit._internal.telemetry.opentelemetry.providers import Providers
    from kit._internal.telemetry.opentelemetry.request_spans import FindProviders

# Upper limits of the histogram's buckets, in seconds: those that OpenTelemetry recommends.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


class MetricsMiddleware:
    """Measures requests by method, route and status, except health checks and WebSockets."""

    def __init__(self, app: ASGIApp, find_providers: FindProviders) -> None:
        self.app = app
        self.find_providers = find_providers
        self.meter: Meter | None = None
        self.durations: Histogram | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        durations = self.find_durations()
        if durations is None or scope["type"] != "http" or not is_recorded(scope):
            await self.app(scope, receive, send)
            return
        status = 500

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        start = time.perf_counter()
        try:
            await self.app(scope, receive, note_status)
        finally:
            attributes: dict[str, Any] = {
                "http.request.method": method_of(scope),
                "http.response.status_code": status,
                "url.scheme": scope["scheme"],
            }
            route = path_of_route(scope)
            if route is not None:
                attributes["http.route"] = route
            durations.record(time.perf_counter() - start, attributes)

    def find_durations(self) -> Histogram | None:
        """Return the histogram of the service that runs."""
        providers: Providers | None = self.find_providers()
        if providers is None or providers.meter is None:
            return None
        if self.meter is not providers.meter:
            self.meter = providers.meter
            self.durations = self.meter.create_histogram(
                "http.server.request.duration",
                unit="s",
                description="Duration of HTTP server requests.",
                explicit_bucket_boundaries_advisory=BUCKETS,
            )
        return self.durations


def observe_pools(meter: Meter, engines: Mapping[str, Engine]) -> None:
    """Measure the connections to each database, by the name of the database in the service."""

    def observe(_options: CallbackOptions) -> Iterator[Observation]:
        for name, engine in engines.items():
            pool = engine.pool
            if isinstance(pool, QueuePool):
                attributes = {"db.client.connection.pool.name": name}
                used = {**attributes, "db.client.connection.state": "used"}
                yield Observation(pool.checkedout(), used)
                idle = {**attributes, "db.client.connection.state": "idle"}
                yield Observation(pool.checkedin(), idle)

    meter.create_observable_up_down_counter(
        "db.client.connection.count",
        [observe],
        unit="{connection}",
        description="Connections to the database, by state.",
    )
