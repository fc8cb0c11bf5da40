"""Parses MAIL_URL, the URL of a mail server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from kit._internal.hosts import is_loopback

EXAMPLE = "smtp://user:password@mail.example.com:587"
UNREADABLE = (
    f"cannot be read; expected format: {EXAMPLE}, with special characters in user and"
    " password percent-encoded (%40 for @, %2F for /, %25 for %)"
)
URL = re.compile(
    r"(?:(?P<user>[^:/@?#]*)(?::(?P<password>[^:/@?#]*))?@)?"
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))"
    r"(?::(?P<port>[0-9]{1,5}))?/?(?:\?(?P<query>.*))?"
)
# RFC 6409, 3.1 and RFC 8314, 3.3.
PORTS = {"smtp": 587, "smtps": 465}
MAX_PORT = 65535
# The only parameter.
STARTTLS = "starttls=required"


@dataclass(frozen=True)
class MailServer:
    """A server that accepts messages (RFC 6409); its representation has no credentials.

    `tls` is "implicit" (TLS before anything else), "starttls" (required, RFC 3207) or "none".
    Some providers use the same secret as user name and as password, so neither is shown.
    """

    host: str
    port: int
    tls: Literal["implicit", "starttls", "none"]
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def parse_mail_url(value: object) -> MailServer | None:
    """Return the server of `smtp://...` or `smtps://...`; None, the default, is returned as it is.

    Raises ValueError with a reason without secrets. `smtp` requires STARTTLS, except on this
    machine, where no other machine can read what is sent; `?starttls=required` requires it also
    there.
    """
    if value is None or isinstance(value, MailServer):
        return value
    scheme, separator, rest = str(value).strip().partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in PORTS:
        raise ValueError(f"expected format: {EXAMPLE}, or smtps://... for TLS from the start")
    match = URL.fullmatch(rest)
    if match is None:
        raise ValueError(UNREADABLE)
    if match["query"] not in {None, "", STARTTLS}:
        raise ValueError(f"has an unknown parameter; the only parameter is ?{STARTTLS}")
    host = match["ipv6"] or match["host"]
    port = int(match["port"] or PORTS[scheme])
    if not 0 < port <= MAX_PORT:
        raise ValueError(f"has an invalid port; expected 1 to {MAX_PORT}")
    username, password = decode(match["user"]), decode(match["password"])
    if (username is None) != (password is None):
        raise ValueError("has a user without a password, or a password without a user")
    tls = choose_tls(scheme, host, is_required=match["query"] == STARTTLS)
    return MailServer(host, port, tls, username, password)


def choose_tls(
    scheme: str, host: str, *, is_required: bool
) -> Literal["implicit", "starttls", "none"]:
    if scheme == "smtps":
        return "implicit"
    if is_required or not is_loopback(host):
        return "starttls"
    return "none"


def decode(text: str | None) -> str | None:
    """Return the percent-decoded text; None if it is empty."""
    try:
        decoded = unquote(text or "", errors="strict")
    except UnicodeDecodeError:
        raise ValueError(UNREADABLE) from None
    # The commands of SMTP are lines, and AUTH PLAIN separates its parts by NUL (RFC 4616).
    if re.search(r"[\0\r\n]", decoded):
        raise ValueError(UNREADABLE)
    return decoded or None
