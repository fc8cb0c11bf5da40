"""Tokens: random texts that prove who sends them. The database has only their hashes.

A hash of passwords, which is slow on purpose, is not needed: nobody guesses 256 random bits.
"""

import hashlib
import secrets
from binascii import crc32

# 256 bits.
BYTES = 32
SESSION_PREFIX = "session_"
KEY_PREFIX = "key_"
CHECKSUM_LENGTH = 8
ID_BYTES = 6


def new_session_token() -> str:
    """Return the token of a new session."""
    return f"{SESSION_PREFIX}{secrets.token_urlsafe(BYTES)}"


def new_email_token() -> str:
    """Return a token for a link in a mail."""
    return secrets.token_urlsafe(BYTES)


def new_key() -> str:
    """Return an API key: `key_<id>_<secret><checksum>`, with an id that may be shown.

    The prefix and the checksum let scanners of repositories recognize a leaked key, as GitHub's do.
    """
    start = f"{KEY_PREFIX}{secrets.token_hex(ID_BYTES)}"
    secret = secrets.token_hex(BYTES)
    return f"{start}_{secret}{checksum(f'{start}_{secret}')}"


def key_start(key: str) -> str | None:
    """Return the readable start of an API key, None if its form or its checksum is wrong."""
    start, _, rest = key.rpartition("_")
    if not key.startswith(KEY_PREFIX) or not key.isascii() or not start:
        return None
    secret = rest[:-CHECKSUM_LENGTH]
    if not secrets.compare_digest(rest[-CHECKSUM_LENGTH:], checksum(f"{start}_{secret}")):
        return None
    return start


def checksum(text: str) -> str:
    """Return the CRC-32 of a text, in hexadecimal."""
    return f"{crc32(text.encode()):08x}"


def hash_of(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal, as the database has it."""
    return hashlib.sha256(token.encode()).hexdigest()
