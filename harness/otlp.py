"""A receiver of OTLP over HTTP on loopback, which decodes what it gets and keeps its bytes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from harness import receivers
from harness.processes import only, wait_for

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """A span as the receiver got it; ids are in hexadecimal, `parent_id` is empty for a root."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: Attributes
    events: list[tuple[str, Attributes]]
    failed: bool
    start: int
    end: int
    resource: Attributes


@dataclass(frozen=True)
class Export:
    """A request of an exporter."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver(receivers.Receiver):
    """Keeps exports, and decodes them when it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.exports: list[Export] = []

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process that sends its spans here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def record(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self.exports.append(Export(path, dict(headers), body))

    @property
    def spans(self) -> list[Span]:
        bodies = [export.body for export in self.exports if export.path == "/v1/traces"]
        return [span for body in bodies for span in decode_spans(body)]

    @property
    def log_records(self) -> list[Attributes]:
        """The log records, with `body` and ids beside their attributes."""
        bodies = [export.body for export in self.exports if export.path == "/v1/logs"]
        return [record for body in bodies for record in decode_log_records(body)]

    @property
    def metrics(self) -> dict[str, list[Attributes]]:
        """The names of the metrics, with the attributes of their points."""
        points: dict[str, list[Attributes]] = {}
        for export in self.exports:
            if export.path == "/v1/metrics":
                for name, attributes in decode_points(export.body):
                    points.setdefault(name, []).append(attributes)
        return points

    def wait_for_span(self, name: str, trace_id: str | None = None) -> Span:
        """Return the span of this name, in this trace; raise AssertionError if there are more."""
        return only(wait_for(lambda: self.named(name, trace_id), f"a span {name!r} arrives"))

    def named(self, name: str, trace_id: str | None = None) -> list[Span]:
        spans = [span for span in self.spans if span.name == name]
        return [span for span in spans if trace_id in {None, span.trace_id}]

    def children(self, parent: Span) -> list[Span]:
        return [span for span in self.spans if span.parent_id == parent.span_id]

    def leaks(self, values: Iterable[str]) -> list[str]:
        """Return those of the values that are in any byte that was received."""
        everything = b"\n".join(export.body for export in self.exports).lower()
        return [value for value in values if value.lower().encode() in everything]


def decode_spans(body: bytes) -> Iterator[Span]:
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = decode_attributes(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield decode_span(span, resource)


def decode_span(span: trace_pb2.Span, resource: Attributes) -> Span:
    return Span(
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=decode_attributes(span.attributes),
        events=[(event.name, decode_attributes(event.attributes)) for event in span.events],
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        resource=resource,
    )


def decode_log_records(body: bytes) -> Iterator[Attributes]:
    for group in ExportLogsServiceRequest.FromString(body).resource_logs:
        for scope in group.scope_logs:
            for record in scope.log_records:
                yield {
                    "body": decode_value(record.body),
                    "severity": record.severity_text,
                    "trace_id": record.trace_id.hex(),
                    "span_id": record.span_id.hex(),
                    **decode_attributes(record.attributes),
                }


def decode_points(body: bytes) -> Iterator[tuple[str, Attributes]]:
    for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                data = getattr(metric, metric.WhichOneof("data") or "")
                for point in data.data_points:
                    yield metric.name, decode_attributes(point.attributes)


def decode_attributes(attributes: Iterable[KeyValue]) -> Attributes:
    return {attribute.key: decode_value(attribute.value) for attribute in attributes}


def decode_value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [decode_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None
