"""Sends batches to the receiver, and counts what is lost.

The SDK queues what is recorded, and sends it in a thread of its own. If the receiver is down or
slow, something is dropped: requests neither wait nor fail. Each process logs that in one line, at
most once a minute.

The modules of logs have an underscore, as OpenTelemetry does not call them stable; it has no
others. Checked with opentelemetry-sdk 1.45; the tests of telemetry fail when no log arrives.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.trace import ReadableSpan

logger = logging.getLogger(__name__)

# Seconds between two warnings about the same signal.
WARNING_INTERVAL = 60.0
# Spans that wait to be sent, by default.
MAX_QUEUE_SIZE = 2048
# These log each batch that is not delivered, some with a traceback, and each invalid header of a
# client.
QUIET_LOGGERS = {
    "opentelemetry.exporter": logging.CRITICAL,
    "opentelemetry.sdk._shared_internal": logging.CRITICAL,
    "opentelemetry.sdk.metrics._internal.export": logging.CRITICAL,
    "opentelemetry.trace.propagation": logging.ERROR,
    "opentelemetry.baggage": logging.ERROR,
    "urllib3": logging.WARNING,
}


def quiet_loggers() -> None:
    """Hide what Deliveries reports."""
    for name, level in QUIET_LOGGERS.items():
        logging.getLogger(name).setLevel(level)


class Deliveries:
    """Counts what is recorded, sent and dropped of a signal; `kind` is what it calls them."""

    def __init__(self, signal: str, kind: str) -> None:
        self.kind = kind
        self.receiver = receiver_of(signal)
        self.lock = threading.Lock()
        # Items that were recorded; that were taken from the queue; that the receiver accepted.
        self.recorded = self.taken = self.sent = 0
        # Items that were not sent, or for which the queue had no room.
        self.dropped = self.reported = 0
        self.overflowed = 0
        self.last_warning = -WARNING_INTERVAL

    def record(self, max_queue_size: int) -> None:
        """Count an item before it is queued; a full queue drops another. Does not log."""
        with self.lock:
            if self.recorded - self.taken - self.overflowed >= max_queue_size:
                self.overflowed += 1
                self.dropped += 1
            self.recorded += 1

    def take(self, count: int) -> None:
        """Count items that are about to be sent."""
        with self.lock:
            self.taken += count

    def finish(self, count: int, *, sent: bool) -> None:
        """Count items that were sent or dropped; log the latter."""
        with self.lock:
            if sent:
                self.sent += count
            else:
                self.dropped += count
        if time.monotonic() - self.last_warning >= WARNING_INTERVAL:
            self.report()

    def close(self) -> None:
        """Count what is still queued as dropped; log what has not been logged yet."""
        with self.lock:
            self.dropped = max(self.dropped, self.recorded - self.sent)
        self.report()

    def report(self) -> None:
        """Log how much was dropped since the last report, if any."""
        dropped = self.dropped - self.reported
        if not dropped:
            return
        self.reported = self.dropped
        self.last_warning = time.monotonic()
        logger.warning(
            "%d %s dropped, %d since the start: %s does not take them",
            dropped,
            self.kind,
            self.dropped,
            self.receiver,
        )


def receiver_of(signal: str) -> str:
    """Return the host and port of a signal's endpoint: its URL may contain secrets."""
    endpoint = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    url = urlsplit(endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
    return url.netloc.rpartition("@")[2] or "the receiver"


class CountingProcessor(BatchSpanProcessor):
    """Queues spans, and counts those for which the queue has no room."""

    def __init__(self, deliveries: Deliveries) -> None:
        self.deliveries = deliveries
        self.max_queue_size = int(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE") or MAX_QUEUE_SIZE)
        super().__init__(CountingSpanExporter(deliveries), self.max_queue_size)

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self.deliveries.record(self.max_queue_size)
        super().on_end(span)


class CountingSpanExporter(OTLPSpanExporter):
    """Sends spans, and counts them."""

    def __init__(self, deliveries: Deliveries) -> None:
        super().__init__()
        self.deliveries = deliveries

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.deliveries.take(len(spans))
        result = super().export(spans)
        self.deliveries.finish(len(spans), sent=result is SpanExportResult.SUCCESS)
        return result


class CountingMetricExporter(OTLPMetricExporter):
    """Sends metrics, and counts the batches."""

    def __init__(self, deliveries: Deliveries) -> None:
        super().__init__()
        self.deliveries = deliveries

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float | None = 10_000,
        **options: Any,  # noqa: ANN401
    ) -> MetricExportResult:
        result = super().export(metrics_data, timeout_millis, **options)
        self.deliveries.finish(1, sent=result is MetricExportResult.SUCCESS)
        return result


class CountingLogExporter(OTLPLogExporter):
    """Sends log records, and counts them."""

    def __init__(self, deliveries: Deliveries) -> None:
        super().__init__()
        self.deliveries = deliveries

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        result = super().export(batch)
        self.deliveries.finish(len(batch), sent=result is LogRecordExportResult.SUCCESS)
        return result
