"""Creates what records spans, metrics and logs, from the variables of OpenTelemetry."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from opentelemetry import propagate, trace
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider

from kit._internal.telemetry.opentelemetry.delivery import (
    CountingLogExporter,
    CountingMetricExporter,
    CountingProcessor,
    Deliveries,
    quiet_loggers,
)
from kit.project import read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from opentelemetry._logs import Logger
    from opentelemetry.metrics import Meter
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import Tracer

logger = logging.getLogger(__name__)

# The scope of everything that is recorded.
SCOPE = "kit"
PROTOCOL = "http/protobuf"
# Seconds that the end of a process waits for the receiver.
CLOSE_TIMEOUT = 3.0


class ProviderSettings(Protocol):
    """The settings of the part, and the name of the service: see kit.settings.Settings."""

    @property
    def service_name(self) -> str: ...
    @property
    def otel_signals(self) -> Collection[str]: ...
    @property
    def otel_variables(self) -> Mapping[str, str]: ...


class Providers:
    """What records the signals of the settings: a tracer, a meter and a logger, each may be None.

    Batches are sent in threads of their own. Raises ValueError for invalid variables.
    """

    def __init__(self, settings: ProviderSettings) -> None:
        self.tracer: Tracer | None = None
        self.meter: Meter | None = None
        self.otel_logger: Logger | None = None
        # What sends the rest of a signal and ends its thread.
        self.shutdowns: list[Callable[[], None]] = []
        self.deliveries: list[Deliveries] = []
        quiet_loggers()
        with environment(settings.otel_variables):
            self.propagator = create_propagator(os.environ.get("OTEL_PROPAGATORS"))
            propagate.set_global_textmap(self.propagator)
            warn_of_protocol()
            self.resource = create_resource(settings.service_name)
            if "traces" in settings.otel_signals:
                self.start_traces()
            if "metrics" in settings.otel_signals:
                self.start_metrics()
            if "logs" in settings.otel_signals:
                self.start_logs()
        self.propagated_headers = {field.encode() for field in self.propagator.fields}

    def start_traces(self) -> None:
        provider = TracerProvider(resource=self.resource, shutdown_on_exit=False)
        provider.add_span_processor(CountingProcessor(self.deliveries_of("TRACES", "spans")))
        self.tracer = provider.get_tracer(SCOPE)
        self.shutdowns.append(provider.shutdown)
        # For spans of the service's own code: trace.get_tracer(__name__).
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            trace.set_tracer_provider(provider)

    def start_metrics(self) -> None:
        exporter = CountingMetricExporter(self.deliveries_of("METRICS", "batches of metrics"))
        reader = PeriodicExportingMetricReader(exporter)
        provider = MeterProvider([reader], resource=self.resource, shutdown_on_exit=False)
        self.meter = provider.get_meter(SCOPE)
        self.shutdowns.append(provider.shutdown)

    def start_logs(self) -> None:
        exporter = CountingLogExporter(self.deliveries_of("LOGS", "log records"))
        provider = LoggerProvider(resource=self.resource, shutdown_on_exit=False)
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        self.otel_logger = provider.get_logger(SCOPE)
        self.shutdowns.append(provider.shutdown)

    def deliveries_of(self, signal: str, kind: str) -> Deliveries:
        deliveries = Deliveries(signal, kind)
        self.deliveries.append(deliveries)
        return deliveries

    def close(self) -> None:
        """Send what is left, for CLOSE_TIMEOUT at most; report what is lost."""
        # Daemons: a process ends while they still wait for a receiver.
        threads = [threading.Thread(target=stop, daemon=True) for stop in self.shutdowns]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + CLOSE_TIMEOUT
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for deliveries in self.deliveries:
            deliveries.close()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables that are not in the environment: the SDK reads them there."""
    added = {name: value for name, value in variables.items() if not os.environ.get(name)}
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def warn_of_protocol() -> None:
    """Log that a protocol other than OTLP over HTTP is not supported."""
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", PROTOCOL)
    if protocol != PROTOCOL:
        logger.warning(
            "OTEL_EXPORTER_OTLP_PROTOCOL=%s is not supported; sending %s, usually to port 4318",
            protocol,
            PROTOCOL,
        )


def create_resource(service_name: str) -> Resource:
    """Return what describes this service; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win."""
    attributes = {"service.name": service_name, "service.version": read_metadata()["version"]}
    return Resource.create({**attributes, **OTELResourceDetector().detect().attributes})


def create_propagator(names: str | None) -> TextMapPropagator:
    """Return the propagator of OTEL_PROPAGATORS, by default that of `traceparent`.

    Not of `baggage`, as OpenTelemetry does by default: it would pass on whatever clients send.
    FastAPI imports `opentelemetry.propagate`, which reads the variable, before .env is read.
    """
    propagators: list[TextMapPropagator] = []
    for name in (names or "tracecontext").split(","):
        if name.strip() == "none":
            return CompositePropagator([])
        loaded = list(entry_points(group="opentelemetry_propagator", name=name.strip()))
        if not loaded:
            raise ValueError(f"OTEL_PROPAGATORS: {name.strip()} is not installed")
        propagators.append(loaded[0].load()())
    return CompositePropagator(propagators)
