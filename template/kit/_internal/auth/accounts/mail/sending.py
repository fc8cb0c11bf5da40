"""Sends mail in the background, so that no response waits for a mail server.

Mails are kept in memory only. Those that are not sent when the process ends, or when the server is
down for longer than all attempts take, are lost; users request another one.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kit._internal.auth.accounts.mail import messages, texts
from kit._internal.auth.accounts.mail.addresses import AddressError, Mailbox, parse_mailbox
from kit._internal.auth.accounts.mail.folder import MailFolder
from kit._internal.auth.accounts.mail.kinds import KINDS, link_of
from kit._internal.auth.accounts.mail.settings import DEVELOPMENT_LINKS_URL, is_development
from kit._internal.auth.accounts.mail.smtp import (
    DeliveryError,
    SmtpConnection,
    TemporaryDeliveryError,
)
from kit._internal.auth.start import StartError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from email.message import EmailMessage

    from kit._internal.auth.accounts.mail.settings import MailSettings

logger = logging.getLogger(__name__)

# Mails that wait; a flood of requests must not fill the memory.
MAX_WAITING = 1000
# Connections to the mail server, of each worker.
MAX_CONNECTIONS = 4
# Seconds before each further attempt.
RETRY_DELAYS = (2.0, 10.0, 30.0, 120.0)
# How long the end of the process waits for mails, in seconds.
SHUTDOWN_TIMEOUT = 5.0


@dataclass(frozen=True)
class Mail:
    """What is sent, and to whom; its representation shows neither the address nor the token."""

    kind: str
    recipient: str = field(repr=False)
    link: str = field(repr=False)
    values: dict[str, str | float] = field(repr=False)
    time: datetime


class Mailer:
    """Sends mail while serve() runs; without MAIL_URL it writes mail to a folder."""

    def __init__(self, settings: MailSettings) -> None:
        self.settings = settings
        # A setting of kit/settings.py.
        self.service = str(getattr(settings, "service_name", "service"))
        self.sender = Mailbox(self.service, "no-reply@localhost")
        if settings.mail_from is not None:
            self.sender = parse_mailbox(settings.mail_from)
        self.links_url = settings.mail_links_url or DEVELOPMENT_LINKS_URL
        self.folder = MailFolder(settings.mail_folder)
        self.texts: dict[str, texts.Text] = {}
        self.connection: SmtpConnection | None = None
        self.connections = asyncio.Semaphore(MAX_CONNECTIONS)
        self.waiting: set[asyncio.Task[None]] = set()
        self.is_serving = False
        self.stopping = asyncio.Event()
        # How many mails were sent, and how many were not, since the start.
        self.sent = 0
        self.failed = 0
        self.dropped = 0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Send mail until the end of the block, which waits for mails that are not sent yet.

        Raises StartError if a text in the folder `mails/` of the service is invalid.
        """
        await asyncio.to_thread(self.load_texts)
        if self.settings.mail_url is not None:
            # Reads the certificates of all authorities, those of SSL_CERT_FILE if it is set.
            context = await asyncio.to_thread(ssl.create_default_context)
            self.connection = SmtpConnection(
                self.settings.mail_url, self.sender.domain, self.settings.mail_timeout, context
            )
        # Both belong to the event loop in which they are used first.
        self.stopping = asyncio.Event()
        self.connections = asyncio.Semaphore(MAX_CONNECTIONS)
        self.is_serving = True
        try:
            yield
        finally:
            self.is_serving = False
            await self.stop()

    def load_texts(self) -> None:
        """Read the texts of all mails; raise StartError if one of the service's own is invalid."""
        self.texts = texts.load_texts(texts.own_folder(type(self.settings)))

    def send(
        self, kind: str, recipient: str, /, *, token: str | None = None, **values: str | float
    ) -> None:
        """Send a mail in the background; it does not wait, and does not fail if the server does.

        `kind` is a name of kinds.py, which also has the placeholders that need a value: `name`
        (left out if it is not known), `minutes` and others. `token` becomes a part of the link.
        Raises ValueError if values or the token do not suit the kind, and RuntimeError if serve()
        does not run.
        """
        arguments = KINDS[kind].arguments
        if {*values, "name"} != arguments:
            raise ValueError(f"values of {kind}: {', '.join(sorted(arguments))}")
        link = link_of(self.links_url, KINDS[kind], token)
        self.enqueue(Mail(kind, recipient, link, values, datetime.now(UTC)))

    def enqueue(self, mail: Mail) -> None:
        """Start to deliver a mail, or drop it if too many wait; kit.testing.accounts replaces it.

        Raises RuntimeError if serve() does not run.
        """
        if not self.is_serving:
            raise RuntimeError(
                "mail is sent while serve() runs, in a service that is started; a test of one that"
                " is not started reads its mails with the fixture `mails`"
            )
        if len(self.waiting) >= MAX_WAITING:
            self.dropped += 1
            counts = {"mail": mail.kind, "waiting": len(self.waiting), "dropped": self.dropped}
            logger.error("dropped a mail: too many wait for the mail server", extra=counts)
            return
        task = asyncio.create_task(self.deliver(mail))
        self.waiting.add(task)
        task.add_done_callback(self.waiting.discard)

    def reasons_not_to_start(self) -> list[str]:
        """Return a line for each invalid text in the folder `mails/` of the service."""
        try:
            self.load_texts()
        except StartError as error:
            return str(error).splitlines()
        return []

    async def wait_until_sent(self, timeout: float) -> bool:  # noqa: ASYNC109
        """Wait for the mails so far; return whether all were sent, or have failed, in time."""
        if not self.waiting:
            return True
        _, unfinished = await asyncio.wait({*self.waiting}, timeout=timeout)
        return not unfinished

    async def stop(self) -> None:
        """Try the waiting mails once more, without delays, then give up."""
        self.stopping.set()
        if await self.wait_until_sent(SHUTDOWN_TIMEOUT):
            return
        unfinished = {*self.waiting}
        for task in unfinished:
            task.cancel()
        await asyncio.wait(unfinished)
        self.failed += len(unfinished)
        logger.error("did not send %d mails before the process ends", len(unfinished))

    async def deliver(self, mail: Mail) -> None:
        """Send a mail in several attempts; log why it was not sent."""
        try:
            message = self.build(mail)
            if self.connection is None:
                await self.write(mail, message)
            else:
                await self.deliver_by(self.connection, mail, message)
        except AddressError as error:
            self.report(mail, f"the address {error}")
        except DeliveryError as error:
            self.report(mail, str(error))
        except Exception as error:  # noqa: BLE001
            # Without a traceback: messages of other errors may quote the address or the link.
            self.report(mail, type(error).__name__)
        else:
            self.sent += 1

    def report(self, mail: Mail, reason: str) -> None:
        """Log why a mail was not sent."""
        self.failed += 1
        logger.error("a mail was not sent: %s", reason, extra={"mail": mail.kind})

    def build(self, mail: Mail) -> EmailMessage:
        values: dict[str, object] = {
            **mail.values,
            "name": mail.values.get("name") or "there",
            "service": self.service,
            "link": mail.link,
            "time": messages.format_time(mail.time),
        }
        if "minutes" in mail.values:
            minutes = float(mail.values["minutes"])
            values |= {"minutes": round(minutes), "duration": messages.format_minutes(minutes)}
        text = texts.fill(self.texts[mail.kind], values)
        return messages.build(self.sender, mail.recipient, text, mail.time)

    async def write(self, mail: Mail, message: EmailMessage) -> None:
        path = await self.folder.deliver(mail.kind, message)
        if is_development(self.settings):
            # In production, access to the log must not be access to accounts.
            logger.info("a mail is in %s: %s", path, mail.link, extra={"mail": mail.kind})

    async def deliver_by(
        self, connection: SmtpConnection, mail: Mail, message: EmailMessage
    ) -> None:
        """Send a message; raise DeliveryError if it fails for good, or in all attempts."""
        for delay in RETRY_DELAYS:
            try:
                async with self.connections:
                    await connection.deliver(message)
            except TemporaryDeliveryError as error:
                if self.stopping.is_set():
                    raise
                logger.warning("a mail is sent again: %s", error, extra={"mail": mail.kind})
            else:
                return
            await self.pause(delay)
        async with self.connections:
            await connection.deliver(message)

    async def pause(self, delay: float) -> None:
        """Wait until the next attempt, or until the process ends."""
        # Workers and replicas should not repeat their attempts together.
        jittered = delay * random.uniform(0.8, 1.2)  # noqa: S311
        try:
            async with asyncio.timeout(jittered):
                await self.stopping.wait()
        except TimeoutError:
            return
