"""The span of a job, such as `alembic upgrade`, with a child for each step, such as a revision."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.trace import use_span

from kit._internal.telemetry.interface import Attributes, Job
from kit._internal.telemetry.opentelemetry.errors import record_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import Tracer


class TracedJob(Job):
    """Records the steps of a job as children of its span."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer

    def step(self, name: str, attributes: Attributes, start: int, end: int) -> None:
        span = self.tracer.start_span(name, attributes=attributes, start_time=start)
        span.end(end)


@contextmanager
def trace_job(tracer: Tracer, propagator: TextMapPropagator, name: str) -> Iterator[Job]:
    """Record a job as a span, a child of that in the variable TRACEPARENT, if it is set."""
    carrier = {field: os.environ.get(field.upper(), "") for field in propagator.fields}
    span = tracer.start_span(name, propagator.extract(carrier, Context()))
    with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield TracedJob(tracer)
        except BaseException as error:
            record_error(span, error)
            raise
