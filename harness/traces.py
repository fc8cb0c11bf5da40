"""Requests to a service as part of a trace that the client has started."""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx

from harness.servers import RunningService


@dataclass
class Trace:
    """A trace that a client has started, to recognise the spans of a test."""

    id: str = field(default_factory=lambda: secrets.token_hex(16))
    parent_id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def headers(self) -> dict[str, str]:
        return {"traceparent": f"00-{self.id}-{self.parent_id}-01"}


def send(server: RunningService, trace: Trace, method: str, path: str, **options: Any) -> Any:
    headers = {**trace.headers, **options.pop("headers", {})}
    # An address that is not that of a server.
    transport = httpx.HTTPTransport(local_address="127.0.0.9")
    with httpx.Client(transport=transport, base_url=server.address, timeout=20) as client:
        return client.request(method, path, headers=headers, **options)


def log_lines(server: RunningService, trace: Trace) -> list[dict[str, Any]]:
    """Return the lines of the log that belong to a trace."""
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("trace_id") == trace.id]
