"""Refuses requests that a page of another origin makes with the user's cookie (CSRF).

Browsers send `Sec-Fetch-Site` or, before 2023, only `Origin` with unsafe requests. The rules are
those of Go's http.CrossOriginProtection (https://words.filippo.io/csrf/).
"""

from collections.abc import Collection

from starlette.requests import HTTPConnection

from kit._internal.problems import ForbiddenError

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# Whether the page that sends the request is of the same origin, or the user typed the address.
TRUSTED_SITES = {"same-origin", "none"}


class CrossOriginError(ForbiddenError):
    """403: a page of another origin sent the request."""

    def __init__(self) -> None:
        super().__init__(
            "A page of another origin may not do this with your session.", "cross-origin-request"
        )


def refuse_other_origins(connection: HTTPConnection, allowed_origins: Collection[str]) -> None:
    """Raise CrossOriginError for an unsafe request or a WebSocket of a page of another origin.

    A request without either header is not one of a browser, so no other page can have caused it.
    """
    is_socket = connection.scope["type"] == "websocket"
    if not is_socket and connection.scope["method"] in SAFE_METHODS:
        return
    origin = connection.headers.get("origin")
    if origin is not None and origin in allowed_origins:
        return
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        if site not in TRUSTED_SITES:
            raise CrossOriginError
        return
    if origin is not None and not is_own(origin, connection.headers.get("host")):
        raise CrossOriginError


def is_own(origin: str, host: str | None) -> bool:
    """Return whether an origin has this host and port; `null` and malformed ones have not.

    The scheme does not count: behind a proxy, the service does not know its own.
    """
    _, separator, origin_host = origin.partition("://")
    return bool(separator) and origin_host == host
