"""Sends messages to a mail server, and separates temporary from permanent failures."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from aiosmtplib import (
    SMTP,
    SMTPConnectError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

if TYPE_CHECKING:
    from email.message import EmailMessage

    from kit._internal.auth.accounts.mail.server import MailServer

# RFC 3463, such as 5.1.1: what a code means, without the text behind it.
ENHANCED_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
# RFC 5321, 4.2.1: replies to commands that the client may repeat later.
TEMPORARY_CODES = range(400, 500)
QUIT_TIMEOUT = 2.0


class DeliveryError(Exception):
    """A message was not sent; the reason has no address, and nothing of the message."""


class TemporaryDeliveryError(DeliveryError):
    """The same message may be accepted later."""


class SmtpConnection:
    """Sends each message by a connection of its own: a service sends few of them."""

    def __init__(
        self, server: MailServer, hostname: str, timeout: float, context: ssl.SSLContext
    ) -> None:
        self.server = server
        # What the service calls itself in EHLO (RFC 5321, 4.1.1.1): the domain of the sender, as
        # the name of a container means nothing to others.
        self.hostname = hostname
        self.timeout = timeout
        self.context = context

    async def deliver(self, message: EmailMessage) -> None:
        """Send a message; raise DeliveryError, or TemporaryDeliveryError if it may be repeated.

        A message whose acceptance was not received in time may be sent twice (RFC 1047).
        """
        client = self.create_client()
        try:
            # The whole attempt: the client's own limit is for each of the commands.
            async with asyncio.timeout(self.timeout):
                await client.connect()
                await client.send_message(message)
            with suppress(OSError, SMTPException, TimeoutError):
                await client.quit(timeout=QUIT_TIMEOUT)
        except (OSError, SMTPException, TimeoutError, ValueError) as error:
            raise describe(error) from None
        finally:
            client.close()

    def create_client(self) -> SMTP:
        return SMTP(
            hostname=self.server.host,
            port=self.server.port,
            username=self.server.username,
            password=self.server.password,
            local_hostname=self.hostname,
            timeout=self.timeout,
            use_tls=self.server.tls == "implicit",
            start_tls=self.server.tls == "starttls",
            tls_context=self.context,
        )


def describe(error: Exception) -> DeliveryError:
    """Return what an error of the client means.

    Its own text is not used: it may quote the server, and that quotes the address.
    """
    if isinstance(error, SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, SMTPResponseException):
        return describe_response(error.code, error.message)
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = cause.verify_message
        return DeliveryError(f"the certificate of the mail server is not valid: {reason}")
    if isinstance(error, SMTPTimeoutError | TimeoutError):
        return TemporaryDeliveryError("the mail server does not answer in time")
    if isinstance(error, SMTPConnectError | SMTPServerDisconnected | OSError):
        return TemporaryDeliveryError(f"the mail server cannot be reached: {type(cause).__name__}")
    # Of the client itself: no STARTTLS, no AUTH, no SMTPUTF8.
    return DeliveryError(describe_refusal(str(error)))


def describe_response(code: int, text: str) -> DeliveryError:
    status = ENHANCED_STATUS.search(text)
    reason = f"the mail server answers {code}"
    if status is not None:
        reason = f"{reason} {status[0]}"
    if code in TEMPORARY_CODES:
        return TemporaryDeliveryError(reason)
    return DeliveryError(reason)


def describe_refusal(text: str) -> str:
    """Return why the client does not send a message to this server."""
    for extension in ("STARTTLS", "SMTPUTF8", "AUTH"):
        if extension in text:
            return f"the mail server does not support {extension}, which is required"
    return "the client refuses the message"
