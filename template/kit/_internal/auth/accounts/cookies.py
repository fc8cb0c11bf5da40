"""The cookie that carries the token of a browser's session.

The prefix `__Host-` makes browsers refuse the cookie from other hosts of the domain, without
Secure and for another path (RFC 6265bis, 4.1.3.2). They accept Secure on http://localhost.
"""

from starlette.requests import HTTPConnection
from starlette.responses import Response

NAME = "__Host-session"


def session_cookie(connection: HTTPConnection) -> str | None:
    """Return the token in the cookie of a request, or None.

    Several cookies of this name are a trick of another page; none of them counts.
    """
    values: list[str] = []
    for name, value in connection.scope["headers"]:
        if name != b"cookie":
            continue
        for part in value.decode("latin-1").split(";"):
            key, _, text = part.strip().partition("=")
            if key == NAME:
                values.append(text.strip('"'))
    if len(values) != 1:
        return None
    return values[0]


def set_cookie(response: Response, token: str, lifetime: float) -> None:
    """Send the token to the browser, which keeps it for this many seconds."""
    response.set_cookie(
        NAME, token, max_age=int(lifetime), path="/", secure=True, httponly=True, samesite="lax"
    )


def delete_cookie(response: Response) -> None:
    """Make the browser forget the token."""
    response.delete_cookie(NAME, path="/", secure=True, httponly=True, samesite="lax")
