"""The usual asynchronous recipe with prometheus-fastapi-instrumentator, by its defaults."""

from implementations.usual_async import app
from prometheus_fastapi_instrumentator import Instrumentator

Instrumentator().instrument(app).expose(app)

__all__ = ["app"]
