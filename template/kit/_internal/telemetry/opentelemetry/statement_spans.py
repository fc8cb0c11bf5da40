"""Spans of database statements, as children of the span of a request or of your own.

Listens to `do_execute` and its variants, and executes the statement itself, with SQLAlchemy's own
default. These events belong to the dialect, so all engines derived from an engine have them, and a
request that is not sampled pays for one call per statement.

- The public equivalent: `opentelemetry-instrumentation-sqlalchemy`, which refuses SQLAlchemy 2.1,
  or the events before_cursor_execute and after_cursor_execute, which cost ten times as much.
- Listeners that are added while the service runs come after this one, and do not hear of
  statements that are sampled. That is documented: a listener that returns True is the last.
- Checked with SQLAlchemy 2.1. The tests of telemetry fail when a statement has no span.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind, get_current_span
from sqlalchemy import CompoundSelect, Delete, Insert, Select, Update, event

from kit._internal.database import dialect
from kit._internal.telemetry.opentelemetry.errors import record_error
from kit._internal.telemetry.opentelemetry.statement_texts import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.trace import Tracer
    from sqlalchemy import Engine
    from sqlalchemy.engine import ExecutionContext

# SQLAlchemy writes the text of these; any other may be SQL of a developer.
CONSTRUCTS = (CompoundSelect, Delete, Insert, Select, Update)


@contextmanager
def trace_statements(engine: Engine, tracer: Tracer) -> Iterator[None]:
    """Record the statements of an engine, and of all that are derived from it."""
    spans = StatementSpans(engine, tracer)
    listeners: dict[str, Callable[..., bool]] = {
        "do_execute": spans.execute,
        "do_executemany": spans.execute_many,
        "do_execute_no_params": spans.execute_without_parameters,
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


class StatementSpans:
    """Executes statements, within spans if they are part of a trace that is sampled."""

    def __init__(self, engine: Engine, tracer: Tracer) -> None:
        self.tracer = tracer
        self.dialect = engine.dialect
        self.attributes = {"db.system.name": engine.dialect.name}
        # Of a file only its name: folders are those of this machine.
        name = PurePath(engine.url.database or "").name
        if name:
            self.attributes["db.namespace"] = name

    def execute(
        self,
        cursor: Any,  # noqa: ANN401
        statement: str,
        parameters: Any,  # noqa: ANN401
        context: ExecutionContext,
    ) -> bool:
        """Execute a statement and return True; return False if it is not recorded."""
        if not get_current_span().is_recording():
            return False
        with self.span(statement, context):
            self.dialect.do_execute(cursor, statement, parameters, context)
        return True

    def execute_many(
        self,
        cursor: Any,  # noqa: ANN401
        statement: str,
        parameters: Any,  # noqa: ANN401
        context: ExecutionContext,
    ) -> bool:
        """Execute a statement for several sets of parameters, like execute()."""
        if not get_current_span().is_recording():
            return False
        with self.span(statement, context):
            self.dialect.do_executemany(cursor, statement, parameters, context)
        return True

    def execute_without_parameters(
        self,
        cursor: Any,  # noqa: ANN401
        statement: str,
        context: ExecutionContext,
    ) -> bool:
        """Execute a statement with the option `no_parameters`, like execute()."""
        if not get_current_span().is_recording():
            return False
        with self.span(statement, context):
            self.dialect.do_execute_no_params(cursor, statement, context)
        return True

    @contextmanager
    def span(self, statement: str, context: ExecutionContext) -> Iterator[None]:
        """Record a span with the text of the statement, without values."""
        handwritten = not isinstance(context.invoked_statement, CONSTRUCTS)
        name, attributes = describe(statement, handwritten=handwritten)
        span = self.tracer.start_span(
            name, kind=SpanKind.CLIENT, attributes={**self.attributes, **attributes}
        )
        try:
            yield
        except BaseException as error:
            record_error(span, error)
            state = dialect.ERRORS.state_of(error)
            if state is not None:
                span.set_attribute("db.response.status_code", state)
            raise
        finally:
            span.end()
