"""Requests written byte by byte, for what an HTTP client would not send, or not so slowly."""

import json
import socket

from harness.servers import RunningService

# The beginning of a head.
POST = b"POST /users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = b'{"email": "ada@example.com", "name": "Ada"}'
# The client sends the body once the server has answered 100, which it does when the application reads.
HEAD = POST + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY)


def connect(server: RunningService, sent: bytes = b"") -> socket.socket:
    """Connect to a server and send it these bytes."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    connection.sendall(sent)
    return connection


def announce_user(server: RunningService) -> socket.socket:
    """Send the head of a POST; return once the application asks for the body: it is being served."""
    connection = connect(server, HEAD)
    assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Return what arrives until the server closes the connection; close it here, too."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def assert_problem(answer: bytes, status: int) -> dict[str, object]:
    """Check that a response is complete and has the headers of all responses; return the problem."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().lower().split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name] = value
    assert first.startswith(f"http/1.1 {status} "), answer
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    problem: dict[str, object] = json.loads(body)
    assert problem["status"] == status
    assert problem["request_id"] == headers["x-request-id"]
    return problem
