"""Writes messages to a folder, in which developers read them."""

from __future__ import annotations

import asyncio
import os
import secrets
from datetime import UTC, datetime
from email.policy import SMTP, SMTPUTF8
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path


class MailFolder:
    """A folder with a file for each message, the newest last."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def deliver(self, kind: str, message: EmailMessage) -> Path:
        """Return the path of the new file, which only the user of the process can read."""
        # In a thread, as file systems may be slow.
        return await asyncio.to_thread(self.write, kind, message)

    def write(self, kind: str, message: EmailMessage) -> Path:
        self.create()
        time = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        path = self.path / f"{time}-{kind}-{secrets.token_hex(2)}.eml"
        policy = SMTP
        if not str(message["To"]).isascii():
            policy = SMTPUTF8
        # Renamed when it is complete: programs may watch the folder.
        unfinished = path.with_suffix(".part")
        descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.as_bytes(policy=policy))
        unfinished.rename(path)
        return path

    def create(self) -> None:
        """Create the folder, which git ignores: a service may have no line for it in .gitignore."""
        if self.path.is_dir():
            return
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.path / ".gitignore").write_text("*\n", "utf-8")
