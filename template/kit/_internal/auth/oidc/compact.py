"""Access tokens in their compact form (RFC 7515, 3.1), parsed strictly before anything is verified.

Where parsers may differ, as about repeated names, a token is refused (RFC 8725, 2.4 and 3.10).
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

# Longest token in bytes. Proxies usually limit headers to 8 or 16 kB.
MAX_TOKEN = 16_384
# Header, claims and signature; a token that is encrypted has five parts.
TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
MAX_KID = 256
# Types of access tokens (RFC 9068, 2.1); most providers use JWT.
TYPES = {"jwt", "at+jwt", "application/at+jwt"}


class InvalidTokenError(Exception):
    """Why a token is refused, in words that quote nothing of it."""


@dataclass(frozen=True)
class Header:
    """The header of a token, as far as it is used.

    Keys and addresses in it (`jwk`, `jku`, `x5c`, `x5u`) are never used: anyone can write them.
    """

    algorithm: str
    kid: str | None


def parse_token(token: str) -> tuple[Header, dict[str, Any]]:
    """Return the header and the claims of a token, not verified; raise InvalidTokenError."""
    if len(token) > MAX_TOKEN:
        raise InvalidTokenError("it is too long")
    if not TOKEN.fullmatch(token):
        raise InvalidTokenError("it is not a signed JWT")
    header, claims, _ = token.split(".")
    return read_header(decode_object(header)), decode_object(claims)


def read_header(header: dict[str, Any]) -> Header:
    """Return the used part of a header; raise InvalidTokenError if its rest forbids the use."""
    # Extensions that must be understood (RFC 7515, 4.1.11): this service has none.
    if "crit" in header or "b64" in header:
        raise InvalidTokenError("it needs an extension")
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str):
        raise InvalidTokenError("it has no algorithm")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID):
        raise InvalidTokenError("its key id is invalid")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise InvalidTokenError("it is not an access token")
    return Header(algorithm, kid)


def decode_object(segment: str) -> dict[str, Any]:
    """Return the JSON object in a part of a token; raise InvalidTokenError."""
    try:
        content = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        # Unused bits of the last character may hide a variant of the same token.
        if base64.urlsafe_b64encode(content).rstrip(b"=") != segment.encode():
            raise InvalidTokenError("its encoding is invalid")
        value = json.loads(
            content.decode(), object_pairs_hook=unique_members, parse_constant=refuse_constant
        )
        # Half of a surrogate pair cannot be logged or sent.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise InvalidTokenError("it does not contain valid JSON") from None
    if not isinstance(value, dict):
        raise InvalidTokenError("it does not contain JSON objects")
    return value


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is repeated")
    return members


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"not JSON: {name}")
