"""Ids of traces in the log, and the log itself over OTLP."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from opentelemetry._logs import SeverityNumber
from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry._logs import Logger

# Fields of a line that a record of OpenTelemetry has elsewhere.
OTHER_FIELDS = {"event", "level", "span_id", "timestamp", "trace_id"}
SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}


@runtime_checkable
class FieldsFormatter(Protocol):
    """What kit.logging.Formatter has."""

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the fields of a line of the log."""


class TraceIds(logging.Filter):
    """Adds the ids of the current span to records, also if it is not sampled."""

    def filter(self, record: logging.LogRecord) -> bool:
        context = get_current_span().get_span_context()
        # Not over fields of the service's own.
        if context.is_valid and not hasattr(record, "trace_id"):
            record.trace_id = format_trace_id(context.trace_id)
            record.span_id = format_span_id(context.span_id)
        return True


@contextmanager
def add_trace_ids() -> Iterator[None]:
    """Add ids of traces to what the handlers of the root logger write."""
    trace_ids = TraceIds()
    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(trace_ids)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(trace_ids)


class OtlpHandler(logging.Handler):
    """Sends what the log has, with the same fields, and as little personal data."""

    def __init__(self, otel_logger: Logger, formatter: FieldsFormatter) -> None:
        super().__init__()
        self.otel_logger = otel_logger
        self.fields_formatter = formatter

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.send(record)
        except Exception:  # noqa: BLE001
            self.handleError(record)

    def send(self, record: logging.LogRecord) -> None:
        fields = self.fields_formatter.fields(record)
        attributes = {}
        for name, value in fields.items():
            if name not in OTHER_FIELDS and value is not None:
                attributes[name] = value if isinstance(value, str | int | float) else str(value)
        self.otel_logger.emit(
            timestamp=int(record.created * 1e9),
            severity_number=SEVERITIES.get(record.levelno, SeverityNumber.UNSPECIFIED),
            severity_text=record.levelname,
            body=fields["event"],
            attributes=attributes,
        )


@contextmanager
def export_logs(otel_logger: Logger) -> Iterator[None]:
    """Send what the root logger's handlers write, if they have kit's format."""
    root = logging.getLogger()
    formatter = find_formatter(root)
    if formatter is None:
        yield
        return
    handler = OtlpHandler(otel_logger, formatter)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def find_formatter(root: logging.Logger) -> FieldsFormatter | None:
    """Return the formatter of the first handler that has one with fields."""
    for handler in root.handlers:
        formatter: object = handler.formatter
        if isinstance(formatter, FieldsFormatter):
            return formatter
    return None
