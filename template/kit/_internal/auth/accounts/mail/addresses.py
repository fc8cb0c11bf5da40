"""E-mail addresses, and names beside them, in headers of messages."""

from __future__ import annotations

import re
from dataclasses import dataclass

EXAMPLE = "Orders <no-reply@example.com>"
MAILBOX = re.compile(r"(?:(?P<name>[^<>]*)<(?P<bracketed>[^<>\s]+)>|(?P<bare>[^<>\s]+))")
# RFC 5321, 4.5.3.1.3: a path has 256 octets, of which two are its angle brackets.
MAX_ADDRESS_LENGTH = 254
# RFC 5322, 3.2.3: the characters before the "@" of an address without quotes.
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
ASCII_LOCAL_PART = re.compile(rf"{ATOM}(\.{ATOM})*")
# RFC 1035, 2.3.1: a part of a domain between dots.
LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = re.compile(rf"{LABEL}(\.{LABEL})*")


class AddressError(ValueError):
    """An address that no message can be sent to; the reason does not quote it."""


@dataclass(frozen=True)
class Mailbox:
    """An address and the name that mail programs show; the name may be empty."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def parse_mailbox(text: str) -> Mailbox:
    """Return `Orders <no-reply@example.com>` or `no-reply@example.com` as a mailbox.

    Raises AddressError.
    """
    match = MAILBOX.fullmatch(text.strip())
    if match is None or not text.isprintable():
        raise AddressError(f"expected format: {EXAMPLE}")
    name = (match["name"] or "").strip().strip('"')
    address = to_wire(match["bracketed"] or match["bare"])
    if not address.isascii():
        # The mails of a service should reach servers that do not support SMTPUTF8, too.
        raise AddressError("has characters other than ASCII before the @")
    return Mailbox(name, address)


def check_mailbox(text: str) -> str:
    """Return the text of a mailbox, or raise AddressError: see parse_mailbox()."""
    parse_mailbox(text)
    return text.strip()


def to_wire(address: str) -> str:
    """Return an address as it is sent: with its domain in ASCII (RFC 5891).

    Other characters before the "@" are kept; they need a server with SMTPUTF8 (RFC 6531). Raises
    AddressError for anything that is not a single address, such as one with a line break.
    """
    local_part, separator, domain = address.rpartition("@")
    if not separator or not address.isprintable() or re.search(r"\s", address):
        raise AddressError("is not an e-mail address")
    if local_part.isascii() and not ASCII_LOCAL_PART.fullmatch(local_part):
        raise AddressError("is not an e-mail address")
    if re.search(r'[@<>(),;:\\"\[\]]', local_part):
        raise AddressError("is not an e-mail address")
    wire = f"{local_part}@{encode_domain(domain)}"
    if len(wire.encode()) > MAX_ADDRESS_LENGTH:
        raise AddressError(f"has more than {MAX_ADDRESS_LENGTH} bytes")
    return wire


def encode_domain(domain: str) -> str:
    """Return a domain in ASCII; raise AddressError if it is not valid."""
    # Imported here, as it has large tables that other commands do not need. pydantic[email] brings
    # it; the codec "idna" of the standard library follows an older standard.
    import idna  # noqa: PLC0415

    encoded = domain
    if not domain.isascii():
        try:
            encoded = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            raise AddressError("has an invalid domain") from None
    if not DOMAIN.fullmatch(encoded):
        raise AddressError("has an invalid domain")
    return encoded


def single_line(text: object, limit: int = 200) -> str:
    """Return a value without line breaks and control characters, and not too long.

    A line break in a name would begin another header (CWE-93), or a paragraph that the user, not
    the service, has written.
    """
    characters = []
    for character in str(text):
        if character.isprintable():
            characters.append(character)
        else:
            characters.append(" ")
    line = " ".join("".join(characters).split())
    if len(line) > limit:
        return line[: limit - 1] + "…"
    return line
