"""The usual asynchronous recipe with the instrumentors of OpenTelemetry, by their defaults.

The sampler and the receiver come from the variables of OpenTelemetry.
"""

from implementations.usual_async import app, engine
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
# It refuses SQLAlchemy 2.1 otherwise, and then records no statement.
SQLAlchemyInstrumentor().instrument(engine=engine.sync_engine, skip_dep_check=True)
FastAPIInstrumentor.instrument_app(app)

__all__ = ["app"]
