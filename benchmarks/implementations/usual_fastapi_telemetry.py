"""The usual asynchronous recipe with FastAPI's own telemetry, by its defaults.

FASTAPI_OTEL_AUTO_CONFIGURE and the variables of OpenTelemetry switch it on.
"""

from implementations.usual_async import app, engine
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

# It refuses SQLAlchemy 2.1 otherwise, and then records no statement.
SQLAlchemyInstrumentor().instrument(engine=engine.sync_engine, skip_dep_check=True)

__all__ = ["app"]
