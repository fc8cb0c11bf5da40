"""The transport to which uvicorn writes responses: fewer packets, and no lost responses."""

import asyncio
from typing import Protocol


class Connection(Protocol):
    """The connection that a transport needs: see http_connection.py."""

    is_lingering: bool
    transport: asyncio.Transport

    def waits_for_body(self) -> bool:
        """Return whether the client is still sending the request that is being answered."""

    def linger(self) -> None:
        """Close for writing, and ignore data until the client closes."""

    def close(self) -> None:
        """Close when the client has received all data."""


class ResponseTransport:
    """Writes a response with a Content-Length in one piece, and closes so that clients can read it.

    Uvicorn writes head and body separately, each with a system call and a packet. The head of a
    stream is written without waiting for its body.

    The system resets a socket that is closed with unread data, and the client may lose the
    response. So a connection that still receives a body lingers before it is closed.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.transport = connection.transport
        self.head = b""

    def write(self, data: bytes) -> None:
        if self.connection.is_lingering:
            return
        if self.head:
            self.transport.writelines((self.head, data))
            self.head = b""
        elif data.startswith(b"HTTP/1.1 ") and b"\r\ncontent-length: " in data:
            self.head = data
        else:
            self.transport.write(data)

    def flush(self) -> None:
        """Write a head that has no body yet."""
        if self.head:
            self.write(b"")

    def is_closing(self) -> bool:
        return self.connection.is_lingering or self.transport.is_closing()

    def close(self) -> None:
        self.flush()
        if self.connection.waits_for_body():
            self.connection.linger()
        else:
            self.connection.close()
