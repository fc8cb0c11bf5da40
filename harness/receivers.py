"""A server on loopback that receives what a service sends, and can be down, hang or refuse."""

import contextlib
import gzip
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from harness.servers import free_port


class Receiver:
    """Records requests on a port that it keeps when it is stopped, so that it can start again."""

    # Headers and body of its responses, by status; no headers for others.
    headers: Mapping[int, Mapping[str, str]] = {}
    response = b""

    def __init__(self) -> None:
        self.port = free_port()
        # Of its responses.
        self.status = 200
        # While it is not set, the receiver hangs: it does not answer.
        self.answers = threading.Event()
        self.answers.set()
        # Requests, also those that are not answered yet.
        self.requests = 0
        self.server: _Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def record(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Record a request, before it is answered; the body is decompressed."""
        raise NotImplementedError

    def start(self) -> None:
        self.server = _Server(("127.0.0.1", self.port), _Handler)
        self.server.receiver = self
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[Self]:
        """Run a receiver until the end of the block, when it also answers what it kept waiting."""
        receiver = cls()
        receiver.start()
        try:
            yield receiver
        finally:
            receiver.answers.set()
            receiver.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print errors, but not that a sender has ended before it was answered."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers requests for the receiver of its server."""

    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        receiver.requests += 1
        receiver.record(self.path, dict(self.headers), body)
        receiver.answers.wait()
        self.send_response(receiver.status)
        for name, value in receiver.headers.get(receiver.status, {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(receiver.response)))
        self.end_headers()
        self.wfile.write(receiver.response)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
