"""A local server that receives events as Sentry does: https://develop.sentry.dev/sdk/foundations/envelopes/."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from harness import receivers
from harness.processes import wait_for

KEY = "0123456789abcdef"
PROJECT = "42"
AUTH = re.compile(
    rf"Sentry sentry_key={KEY}, sentry_version=7, sentry_client=sentry\.python/[\d.]+"
)


class Receiver(receivers.Receiver):
    """Records events, and what else it receives."""

    headers: ClassVar = {429: {"Retry-After": "60"}}
    response = b"{}"

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.other_items: list[str] = []
        # All bytes, decompressed, with headers.
        self.content = b""
        # Violations of the protocol.
        self.faults: list[str] = []

    @property
    def dsn(self) -> str:
        return f"http://{KEY}@{self.address}/{PROJECT}"

    def record(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        lines = [f"{name}: {value}\n" for name, value in headers.items()]
        self.content += "".join(lines).encode() + body
        try:
            self.accept(path, headers, body)
        except AssertionError as error:
            self.faults.append(str(error))

    def accept(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Record an envelope; raise AssertionError if it violates the protocol."""
        encoding = headers.get("Content-Encoding")
        assert encoding in {None, "gzip"}, f"content encoding {encoding}"
        assert path == f"/api/{PROJECT}/envelope/", path
        assert AUTH.fullmatch(headers["X-Sentry-Auth"]), headers
        assert headers["Content-Type"] == "application/x-sentry-envelope"
        for kind, payload in items_of(body):
            if kind == "event":
                self.events.append(json.loads(payload))
            else:
                self.other_items.append(kind)

    def wait_for_events(self, count: int) -> list[dict[str, Any]]:
        """Return the events as soon as there are so many; raise AssertionError if there are not."""
        wait_for(lambda: len(self.events) >= count, f"{count} events")
        assert not self.faults
        assert len(self.events) == count, self.events
        return self.events


def items_of(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the types and payloads of the items of an envelope."""
    head, _, rest = body.partition(b"\n")
    assert {"sent_at"} <= set(json.loads(head)) or head == b"{}", head
    while rest.strip():
        head, _, rest = rest.partition(b"\n")
        header = json.loads(head)
        assert header["length"] <= len(rest), header
        payload, rest = rest[: header["length"]], rest[header["length"] :]
        assert not rest or rest.startswith(b"\n"), "an item ends with a newline"
        rest = rest.removeprefix(b"\n")
        yield header["type"], payload
