"""What uvicorn writes a response to: a connection that is closed once the client could read it."""

import asyncio
from typing import Protocol


class Connection(Protocol):
    is_lingering: bool
    transport: asyncio.Transport

    def waits_for_body(self) -> bool:
        """Return whether the client is still sending what is being answered."""

    def linger(self) -> None:
        """Say that nothing more will come, and ignore what does until the client closes."""

    def close(self) -> None:
        """Close once the client has taken what is written."""


class ResponseTransport:
    """Writes responses; one that says how long it is leaves in one piece, with its head.

    Uvicorn writes head and body one by one, and each is a system call and a packet. The head of a
    stream does not wait, as its body may take long to come.

    A socket that is closed with unread data in it is reset, and the client may lose the answer. So
    closing it first lets the client read that.
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
        """Write a head that has no body."""
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
