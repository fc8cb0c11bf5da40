"""Problems with which http_connection.py refuses a request without calling the application."""

import logging
from http import HTTPStatus
from secrets import token_hex

from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from kit._internal.middleware import SECURITY_HEADERS, RequestMiddleware
from kit._internal.problems import ProblemError, problem_response

logger = logging.getLogger(__name__)

# Limits of the request target and of the request line with all headers, in bytes, and of the number
# of headers. Proxies usually have lower limits.
MAX_TARGET = 16_384
MAX_HEAD = 65_536
MAX_HEADERS = 100


class Refusal:
    """Answers a request whose head is complete with a problem, and closes the connection."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        self.app: ASGIApp = RequestMiddleware(self.answer)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = problem_response(ProblemError(self.status, self.detail))
        response.headers["Connection"] = "close"
        await response(scope, receive, send)


TOO_MANY_CONNECTIONS = Refusal(503, "The service has too many connections.")
LONG_TARGET = Refusal(414, f"The address is longer than {MAX_TARGET} bytes.")
LARGE_HEAD = Refusal(
    431, f"The headers are more than {MAX_HEADERS}, or larger than {MAX_HEAD} bytes."
)


def refusal(status: int, detail: str, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """Log and return the answer to an incomplete or invalid request, which skips middleware."""
    request_id = token_hex(16)
    with bound_contextvars(request_id=request_id):
        response = problem_response(ProblemError(status, detail))
        logger.info("refused a request: %s", detail, extra={"status": status})
    headers = [
        *default_headers,
        *response.raw_headers,
        *SECURITY_HEADERS,
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    lines = [name + b": " + value + b"\r\n" for name, value in headers]
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    return b"".join([first, *lines, b"\r\n", bytes(response.body)])
