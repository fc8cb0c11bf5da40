"""Metrics for Prometheus: a service serves them, a migration or a backfill pushes them.

Metrics of your own need no registration:

    from prometheus_client import Counter

    orders_created = Counter("orders_created", "Orders that were created.")

They are in prometheus_client's default registry, which /metrics includes.

The modules with prometheus_client are imported where they are used: most migrations push nothing.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from kit._internal.telemetry.interface import Job, Part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import ASGIApp

    from kit._internal.telemetry.prometheus.request_metrics import RequestMetrics
    from kit.application import Service
    from kit.settings import Settings


class PrometheusPart(Part):
    """Records requests, connection pools, revisions and jobs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def requests(self) -> RequestMetrics:
        """The metrics of requests."""
        from kit._internal.telemetry.prometheus.request_metrics import RequestMetrics  # noqa: PLC0415

        return RequestMetrics()

    def wrap(self, app: ASGIApp) -> ASGIApp:
        if not self.settings.metrics_port:
            return app
        from kit._internal.telemetry.prometheus.request_metrics import MetricsMiddleware  # noqa: PLC0415

        return MetricsMiddleware(app, self.requests)

    @asynccontextmanager
    async def serve(self, service: Service) -> AsyncIterator[None]:
        if not self.settings.metrics_port:
            yield
            return
        from kit._internal.telemetry.prometheus.exposition import serve_metrics  # noqa: PLC0415

        async with serve_metrics(service, self.settings, self.requests):
            yield

    @contextmanager
    def run_job(self, name: str) -> Iterator[Job]:
        if self.settings.pushgateway_url is None:
            yield Job()
            return
        from kit._internal.telemetry.prometheus.job_metrics import record_job  # noqa: PLC0415

        with record_job(self.settings, name) as job:
            yield job
