"""Spans of outgoing requests by each library and kind of client."""

import json

import pytest

from harness.otlp import Receiver
from harness.project import Project

pytestmark = pytest.mark.slow

# Calls a URL in four ways, and prints the names of the spans with their attributes.
CALLS = """
import asyncio, importlib, json, sys

library, url = importlib.import_module(sys.argv[1]), sys.argv[2]

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kit._internal.telemetry.opentelemetry.client_spans import trace_clients
from kit._internal.telemetry.opentelemetry.providers import create_propagator

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("test")


async def call() -> None:
    async with library.AsyncClient() as client:
        await client.post(url)


with trace_clients(tracer, create_propagator(None)):
    library.post(url)
    with tracer.start_as_current_span("request"):
        library.post(url)
        asyncio.run(call())
library.post(url)
spans = exporter.get_finished_spans()
print(json.dumps([[f"{span.context.span_id:016x}", dict(span.attributes)] for span in spans]))
"""


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_each_client_is_traced_within_a_trace(light_project: Project, library: str) -> None:
    """A call outside of a trace, and one after the service has ended, has no span."""
    with Receiver.running() as other:
        url = f"{other.endpoint}/planted?planted"
        python = ("uv", "run", "--no-sync", "--with", "httpx2>=2.16,<3", "python", "-c")
        done = light_project.run(*python, CALLS, library, url)
        sent = [export.headers.get("traceparent") for export in other.exports]
    synchronous, asynchronous, _ = json.loads(done.stdout)
    for _, attributes in (synchronous, asynchronous):
        assert attributes == {
            "http.request.method": "POST",
            "server.address": "127.0.0.1",
            "server.port": other.port,
            "http.response.status_code": 200,
        }
    parents = [header and header.split("-")[2] for header in sent]
    assert parents == [None, synchronous[0], asynchronous[0], None]
