"""Idempotency-Key: what a valid one is, and what requests with the same key have in common."""

import hashlib
import json
import re
from collections.abc import Sequence

from starlette.requests import Request

from kit._internal.auth.callers import caller_of
from kit._internal.problems import BadRequestError, ConflictError, ProblemError

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
# A string of RFC 9651, 3.3.3, as the draft requires: printable ASCII in quotes, where a backslash
# escapes quotes and backslashes.
QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
# The same without quotes, as most clients send it. A comma would be several headers that a proxy
# has joined, a semicolon a parameter.
BARE = re.compile(r"[!#-+\--:<-\[\]-~]*")


class InvalidKeyError(BadRequestError):
    """400: the header is not a key."""

    def __init__(self) -> None:
        super().__init__(
            f"{HEADER} has to be sent once, with 1 to {MAX_LENGTH} characters of ASCII.",
            "idempotency-key-invalid",
        )


class KeyReusedError(ProblemError):
    """422: another request has been answered with the same key."""

    def __init__(self) -> None:
        detail = f"This {HEADER} belongs to a request with another body: use a new key."
        super().__init__(422, detail, "idempotency-key-reused")


class KeyInUseError(ConflictError):
    """409: a request with the same key has not been answered yet."""

    headers = {"Retry-After": "1"}  # noqa: RUF012

    def __init__(self) -> None:
        detail = f"A request with this {HEADER} is not answered yet: repeat it later."
        super().__init__(detail, "idempotency-key-in-use")


def parse_key(values: Sequence[str]) -> str | None:
    """Return the key in the values of the header, or None if it is not sent.

    `"abc"` and `abc` are the same key. Raises InvalidKeyError.
    """
    if not values:
        return None
    if len(values) > 1:
        raise InvalidKeyError
    text = values[0].strip()
    quoted = QUOTED.fullmatch(text)
    if quoted is not None:
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif BARE.fullmatch(text):
        key = text
    else:
        raise InvalidKeyError
    if not 1 <= len(key) <= MAX_LENGTH:
        raise InvalidKeyError
    return key


def id_of(request: Request, key: str) -> str:
    """Return the id of a key: clients, methods and paths have keys of their own.

    A hash, so that the table has neither keys nor ids of clients.
    """
    principal = caller_of(request).principal
    # Clients that are not authenticated have no subject.
    subject = None
    if principal is not None:
        subject = principal.subject
    parts = [subject, request.method, request.scope["path"], key]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def lock_number_of(key_id: str) -> int:
    """Return 64 bits of an id, with a sign."""
    return int.from_bytes(bytes.fromhex(key_id[:16]), signed=True)


async def fingerprint_of(request: Request) -> str:
    """Return a hash of what a repeated request has to have in common: query string and body.

    The bytes as they are sent, not what they mean: so the comparison does not depend on schemas,
    which a release may change between two requests, and clients repeat requests as they are.

    Raises TypeError for a form.
    """
    try:
        body = await request.body()
    except RuntimeError as error:
        raise TypeError("FastAPI keeps no bytes of a form, so that none can be repeated") from error
    digest = hashlib.sha256(request.scope["query_string"])
    digest.update(b"\0")
    digest.update(body)
    return digest.hexdigest()
