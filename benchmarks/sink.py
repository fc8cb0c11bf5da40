"""A receiver of telemetry for measurements: it accepts and discards what servers send.

The path of a request begins with the name of the server that sends it. By that name it counts
bytes, spans of OTLP, and traces: spans without a parent. Any GET returns the counts as JSON.
"""

import argparse
import gzip
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TRACES = "/v1/traces"
# Numbers of fields in the messages of opentelemetry-proto.
RESOURCE_SPANS, SCOPE_SPANS, SPANS, PARENT = 1, 2, 2, 4
# Wire types of Protocol Buffers.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Counts:
    """What has arrived, by the name of the sender."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_sender: dict[str, Counter[str]] = {}

    def add(self, path: str, body: bytes) -> None:
        sender = path.split("/")[1]
        counts = Counter(bytes=len(body))
        if path.endswith(TRACES):
            counts.update(count_spans(body))
        with self.lock:
            self.by_sender.setdefault(sender, Counter()).update(counts)


def count_spans(request: bytes) -> Counter[str]:
    """Return the numbers of spans and of traces in an ExportTraceServiceRequest."""
    counts: Counter[str] = Counter()
    for resource in fields(memoryview(request), RESOURCE_SPANS):
        for scope in fields(resource, SCOPE_SPANS):
            for span in fields(scope, SPANS):
                counts["spans"] += 1
                if not any(fields(span, PARENT)):
                    counts["traces"] += 1
    return counts


def fields(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the fields of this number that are messages, strings or bytes.

    Ends at the first field of a higher number: encoders write fields in order.
    """
    position = 0
    while position < len(message):
        tag, position = read_varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if number > wanted:
            return
        if wire_type == VARINT:
            _, position = read_varint(message, position)
        elif wire_type == FIXED64:
            position += 8
        elif wire_type == FIXED32:
            position += 4
        elif wire_type == BYTES:
            size, position = read_varint(message, position)
            if number == wanted:
                yield message[position : position + size]
            position += size
        else:
            raise ValueError(f"unknown wire type {wire_type}")


def read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the number that begins at this position, and the position after it."""
    number = shift = 0
    while message[position] >= 0x80:
        number |= (message[position] & 0x7F) << shift
        position += 1
        shift += 7
    return number | message[position] << shift, position + 1


class Sink(BaseHTTPRequestHandler):
    """Answers each POST with an empty success, and each GET with the counts."""

    protocol_version = "HTTP/1.1"
    counts = Counts()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        self.counts.add(self.path, body)
        self.answer(b"")

    def do_GET(self) -> None:
        with self.counts.lock:
            body = json.dumps(self.counts.by_sender)
        self.answer(body.encode())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the load shares the core."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    port = parser.parse_args().port
    with ThreadingHTTPServer(("127.0.0.1", port), Sink) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
