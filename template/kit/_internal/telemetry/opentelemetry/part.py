"""OpenTelemetry: spans of requests, statements, outgoing requests and jobs; metrics and logs.

| module             | records                                                    |
| ------------------ | ---------------------------------------------------------- |
| request_spans.py   | requests and WebSockets                                    |
| statement_spans.py | statements on the databases of the service                 |
| client_spans.py    | outgoing HTTP requests                                     |
| job_spans.py       | processes that end by themselves, such as `alembic upgrade` |
| metrics.py         | metrics of requests and of connections to the databases    |
| logs.py            | ids of traces in the log, and the log itself               |

providers.py creates what these modules record with, delivery.py sends it. Values never leave the
process: no path, query, body, parameter, header or message of an error.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from kit._internal.telemetry.interface import Job, Part
from kit._internal.telemetry.opentelemetry.client_spans import trace_clients
from kit._internal.telemetry.opentelemetry.job_spans import trace_job
from kit._internal.telemetry.opentelemetry.logs import add_trace_ids, export_logs
from kit._internal.telemetry.opentelemetry.metrics import MetricsMiddleware, observe_pools
from kit._internal.telemetry.opentelemetry.providers import Providers
from kit._internal.telemetry.opentelemetry.request_spans import TracingMiddleware
from kit._internal.telemetry.opentelemetry.statement_spans import trace_statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from starlette.types import ASGIApp

    from kit._internal.telemetry.opentelemetry.providers import ProviderSettings
    from kit.application import Service
    from kit.db import Database

logger = logging.getLogger(__name__)


class OpenTelemetry(Part):
    """Records while the service runs, or during a job; its middleware passes requests otherwise."""

    # FastAPI's own spans have paths and queries, and its log records have messages of errors.
    service_options: ClassVar[Mapping[str, Any]] = {
        "telemetry": {
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        }
    }

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self.providers: Providers | None = None

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Return the application in a middleware for each signal of requests."""
        if "metrics" in self.settings.otel_signals:
            app = MetricsMiddleware(app, self.find_providers)
        if "traces" in self.settings.otel_signals:
            app = TracingMiddleware(app, self.find_providers)
        return app

    def find_providers(self) -> Providers | None:
        """Return what records, None before and after the service runs."""
        return self.providers

    @asynccontextmanager
    async def serve(self, service: Service) -> AsyncIterator[None]:
        """Record while the databases of the service are open; send what is left at the end."""
        providers = self.create_providers()
        if providers is None:
            yield
            return
        with ExitStack() as stack:
            start_recording(stack, providers, service)
            self.providers = providers
            try:
                yield
            finally:
                self.providers = None
                # In a thread, as it waits for the receiver.
                await asyncio.to_thread(providers.close)

    @contextmanager
    def run_job(self, name: str) -> Iterator[Job]:
        """Record a job with its steps; send them at the end."""
        providers = self.create_providers()
        if providers is None:
            yield Job()
            return
        with ExitStack() as stack:
            stack.callback(providers.close)
            record_logs(stack, providers)
            if providers.tracer is None:
                yield Job()
            else:
                with trace_job(providers.tracer, providers.propagator, name) as job:
                    yield job

    def create_providers(self) -> Providers | None:
        """Return what records; None if the variables of OpenTelemetry have invalid values."""
        try:
            return Providers(self.settings)
        except Exception as error:  # noqa: BLE001
            logger.warning("telemetry is off: OpenTelemetry refuses its variables: %s", error)
            return None


def record_logs(stack: ExitStack, providers: Providers) -> None:
    """Add ids of traces to the log, and send it, until the stack ends."""
    if providers.tracer is not None:
        stack.enter_context(add_trace_ids())
    if providers.otel_logger is not None:
        stack.enter_context(export_logs(providers.otel_logger))


def start_recording(stack: ExitStack, providers: Providers, service: Service) -> None:
    """Record logs, statements, outgoing requests and connections until the stack ends."""
    record_logs(stack, providers)
    engines = {}
    for source in service.sources:
        database: Database = getattr(service.state, source.name)
        engine = engines[source.name] = database.read_engine.sync_engine
        if providers.tracer is not None:
            stack.enter_context(trace_statements(engine, providers.tracer))
    if providers.tracer is not None:
        stack.enter_context(trace_clients(providers.tracer, providers.propagator))
    if providers.meter is not None:
        observe_pools(providers.meter, engines)
