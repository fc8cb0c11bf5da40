"""Builds the messages that are sent (RFC 5322, RFC 2046)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, make_msgid
from typing import TYPE_CHECKING

from kit._internal.auth.accounts.mail.addresses import Mailbox, to_wire

if TYPE_CHECKING:
    from kit._internal.auth.accounts.mail.texts import FilledText


def build(sender: Mailbox, recipient: str, text: FilledText, time: datetime) -> EmailMessage:
    """Return a message with a plain and an HTML part.

    Raises AddressError if `recipient` is not a single address. The name of the user is not beside
    it: see kinds.py.
    """
    address = to_wire(recipient)
    policy = SMTP
    if not address.isascii():
        policy = SMTPUTF8
    message = EmailMessage(policy=policy)
    message["From"] = Address(sender.name, addr_spec=sender.address)
    local_part, _, domain = address.rpartition("@")
    # Not by `addr_spec`, which refuses addresses that need SMTPUTF8.
    message["To"] = Address(username=local_part, domain=domain)
    message["Subject"] = text.subject
    message["Date"] = format_datetime(time)
    # The same in all attempts, so that servers recognize a message that they get twice.
    message["Message-ID"] = make_msgid(domain=sender.domain)
    # RFC 3834, 5: programs do not answer, such as that they are on holiday.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text.plain)
    message.add_alternative(text.html, subtype="html")
    return message


def format_time(time: datetime) -> str:
    """Return a time such as 2026-11-29 10:15 UTC, which is read alike in all countries."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def format_minutes(minutes: float) -> str:
    """Return a time such as 30 minutes, 24 hours or 7 days, rounded down to whole units."""
    for name, length, limit in (("day", 24 * 60, 2), ("hour", 60, 2)):
        number = int(minutes // length)
        if number >= limit:
            return f"{number} {name}s"
    number = max(1, int(minutes))
    if number == 1:
        return "1 minute"
    return f"{number} minutes"
