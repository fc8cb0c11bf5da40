"""A WebSocket spoken by byte over a socket, with short messages of text."""

import os
import socket
from typing import Self

from harness.servers import RunningService

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
)
TEXT, CLOSE = 0x81, 0x88


class RawWebSocket:
    """A connection to a WebSocket of a service; it is closed at the end of a `with` block."""

    def __init__(self, server: RunningService, path: str, **headers: str) -> None:
        self.connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.connection.sendall(HANDSHAKE.format(path=path, headers=lines).encode())
        self.answer = self.connection.recv(65536)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.connection:
            self.send(CLOSE, b"\x03\xe8")

    def send(self, kind: int, content: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(content))
        self.connection.sendall(bytes([kind, 0x80 | len(content)]) + mask + masked)

    def ask(self, text: str) -> str:
        """Send a message and return the next one from the server."""
        self.send(TEXT, text.encode())
        return self.connection.recv(65536)[2:].decode()
