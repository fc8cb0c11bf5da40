"""The token in the Authorization header (RFC 6750, 2.1)."""

from collections.abc import Sequence

from kit._internal.auth.errors import UnauthorizedError

INVALID_REQUEST = 'Bearer error="invalid_request"'


def bearer_token(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """Return the token of a request, or None without one.

    Raises UnauthorizedError for several headers: which of them counts would be a guess.
    """
    values = [value for name, value in headers if name == b"authorization"]
    if not values:
        return None
    if len(values) > 1:
        raise UnauthorizedError(
            "The request has several Authorization headers.",
            challenge=INVALID_REQUEST,
        )
    scheme, _, token = values[0].partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    return token.strip(b" ").decode("latin-1")
