"""uvicorn's HTTP protocol with limits of time, size and connections, and with problems.

Uvicorn has no deadline for receiving a request (its issue 157). Its option `http` takes a protocol
class; this is a subclass of the usual one. It uses what uvicorn does not document: attributes of
`HttpToolsProtocol` and `RequestResponseCycle`, `on_headers_complete()` and `send_400_response()`.
Checked with uvicorn 0.54; tests/kit/test_server.py fails when they change. A request that arrives
in one piece starts no timer.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from kit._internal.connections import Connection
from kit._internal.processes import Config
from kit._internal.refusals import (
    LARGE_HEAD,
    LONG_TARGET,
    MAX_HEAD,
    MAX_HEADERS,
    MAX_TARGET,
    TOO_MANY_CONNECTIONS,
    refusal,
)
from kit._internal.transport import ResponseTransport

# Bytes of a body that the client must send in each `body_timeout`.
MIN_BODY_BYTES = 100_000
# How long a client may take to read a response that was sent before the end of its request.
LINGER_SECONDS = 5.0


class HttpConnection(HttpToolsProtocol, Connection):
    """A connection of a client.

    `deadline` is the timer while the client must send, `write_deadline` while it must receive.
    """

    config: Config
    cycle: RequestResponseCycle | None  # type: ignore[assignment]
    deadline: asyncio.TimerHandle | None = None
    write_deadline: asyncio.TimerHandle | None = None
    since = 0.0
    is_reading_body = False
    is_lingering = False
    has_large_head = False
    # Bytes of an incomplete head, and bytes of a body since the deadline started.
    head_size = 0
    body_size = 0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)

    # Called by the event loop.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.config.connections.make_room(self.connections)
        super().connection_made(transport)
        self.response_transport = ResponseTransport(self)
        self.start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_deadline()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.is_lingering:
            return
        self.has_large_head = self.head_size + len(data) > MAX_HEAD
        super().data_received(data)
        if not self.waits_for_client():
            if self.deadline is not None:
                self.stop_deadline()
        elif self in self.connections and not self.transport.is_closing():
            self.wait_for_client(len(data))

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.write_deadline is None:
            timeout = self.config.body_timeout
            self.write_deadline = self.loop.call_later(timeout, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.write_deadline is not None:
            self.write_deadline.cancel()
            self.write_deadline = None

    # Called by the parser and by uvicorn.

    def on_headers_complete(self) -> None:
        if len(self.connections) > self.config.connections.limit:
            self.app = TOO_MANY_CONNECTIONS.app
        elif len(self.url) > MAX_TARGET:
            self.app = LONG_TARGET.app
        elif len(self.headers) > MAX_HEADERS or (self.has_large_head and self.head() > MAX_HEAD):
            self.app = LARGE_HEAD.app
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.transport = self.response_transport  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.cycle is not None:
            # Also if the request was answered before its end.
            self.cycle.more_body = False

    def on_response_complete(self) -> None:
        self.response_transport.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        self.refuse(400, "The request is not valid HTTP.")

    def handle_websocket_upgrade(self) -> None:
        # Another protocol takes over the connection.
        self.stop_deadline()
        super().handle_websocket_upgrade()

    def timeout_keep_alive_handler(self) -> None:
        self.close()

    # What the client must send, and by when.

    def waits_for_client(self) -> bool:
        cycle = self.cycle
        return cycle is None or cycle.response_complete or cycle.more_body

    def waits_for_body(self) -> bool:
        return self.cycle is not None and self.cycle.more_body

    def wait_for_client(self, size: int) -> None:
        """Count the bytes that the client has sent; start the deadline for the rest."""
        if self.is_lingering:
            return
        is_body = self.waits_for_body()
        if is_body != self.is_reading_body:
            self.stop_deadline()
            self.is_reading_body = is_body
        if is_body:
            self.body_size += size
        else:
            self.head_size += size
            if self.head_size > MAX_HEAD:
                self.refuse(431, LARGE_HEAD.detail)
                return
        if self.deadline is None:
            self.start_deadline()

    def start_deadline(self) -> None:
        timeout = self.config.header_timeout
        if self.is_reading_body:
            timeout = self.config.body_timeout
        self.since = self.loop.time()
        self.deadline = self.loop.call_later(timeout, self.end_waiting)

    def stop_deadline(self) -> None:
        self.head_size = self.body_size = 0
        self.is_reading_body = False
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def end_waiting(self) -> None:
        """Refuse a request that is too slow; close a connection without data."""
        self.deadline = None
        cycle = self.cycle
        if cycle is None or not self.is_reading_body:
            if self.head_size:
                self.refuse(408, f"The head took over {self.config.header_timeout:g} seconds.")
            else:
                self.close()
        elif cycle.response_complete:
            self.close()
        elif self.makes_progress(cycle):
            self.body_size = 0
            self.start_deadline()
        else:
            self.refuse(408, f"The body took over {self.config.body_timeout:g} seconds.")

    def makes_progress(self, cycle: RequestResponseCycle) -> bool:
        """Return whether the client sends fast enough, or does not need to send now."""
        if self.body_size >= MIN_BODY_BYTES:
            return True
        return self.flow.read_paused or cycle.waiting_for_100_continue

    # How a connection ends.

    def head(self) -> int:
        """Return the size of request line and headers in bytes."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def refuse(self, status: int, detail: str) -> None:
        """Answer with a problem instead of calling the application, and close the connection."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.abort()
                return
        self.transport.write(refusal(status, detail, self.server_state.default_headers))
        self.linger()

    def linger(self) -> None:
        """Close for writing, and ignore data until the client closes."""
        if self.is_lingering:
            return
        self.stop_deadline()
        self.is_lingering = True
        self.pipeline.clear()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.deadline = self.loop.call_later(LINGER_SECONDS, self.close)

    def close(self) -> None:
        """Close when the client has received all data, or after a time limit."""
        self.transport.close()
        if self.transport.get_write_buffer_size() and self.write_deadline is None:
            timeout = self.config.body_timeout
            self.write_deadline = self.loop.call_later(timeout, self.transport.abort)

    def waiting_since(self) -> float:
        if self.deadline is None:
            return 0.0
        return self.since

    def evict(self) -> None:
        self.connections.discard(self)
        self.transport.abort()
