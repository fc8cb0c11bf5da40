"""A mail server on loopback, aiosmtpd in a process, whose messages tests read.

    with receiving_mail() as server:
        ...  # a service with MAIL_URL=server.url sends mail
        message = server.wait_for_message(to="ada@example.com")
        token_of(message)

Tests that run inside a project use it, too: add_to() puts it there.
"""

import contextlib
import email
import email.policy
import html
import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from harness.processes import clean_environment, wait_for
from harness.servers import free_port

ROOT = Path(__file__).resolve().parent.parent
# The modules that this one needs, and the name of a file with the Python that has aiosmtpd.
MODULES = ("__init__", "processes", "servers", "smtp", "smtp_server")
PYTHON = "smtp_python"
LINK = re.compile(r"https?://[^\s\"<>]+")


@dataclass(frozen=True)
class Received:
    """A message as the server got it, and what it knew about the client."""

    sender: str
    recipients: list[str]
    encrypted: bool
    authenticated: bool
    # The argument of EHLO.
    greeting: str
    content: bytes = field(repr=False)

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass
class MailServer:
    """A server that keeps its port when it is stopped, so that it can start again."""

    folder: Path
    # "none", "starttls" or "implicit", with a certificate for localhost.
    tls: str = "none"
    credentials: tuple[str, str] | None = None
    # Whether it supports SMTPUTF8.
    utf8: bool = False
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def authority(self) -> Path:
        """The certificate of the authority that has signed the one of the server."""
        return self.folder / "authority.pem"

    @property
    def url(self) -> str:
        """MAIL_URL of a service that sends its mail here."""
        user = ""
        if self.credentials is not None:
            user = ":".join(quote(part, safe="") for part in self.credentials) + "@"
        if self.tls == "implicit":
            return f"smtps://{user}localhost:{self.port}"
        if self.tls == "starttls":
            return f"smtp://{user}localhost:{self.port}?starttls=required"
        return f"smtp://{user}127.0.0.1:{self.port}"

    def settings(self, prefix: str = "ORDERS_") -> dict[str, str]:
        """Return the environment of a service that sends its mail here."""
        return {
            f"{prefix}MAIL_URL": self.url,
            f"{prefix}MAIL_FROM": "Orders <no-reply@example.com>",
            f"{prefix}MAIL_LINKS_URL": "https://app.example.com",
        }

    def start(self) -> None:
        """Start the process; return when it accepts connections."""
        (self.folder / "received").mkdir(exist_ok=True)
        options = {
            "tls": self.tls,
            "credentials": self.credentials,
            "utf8": self.utf8,
        }
        (self.folder / "options.json").write_text(json.dumps(options), "utf-8")
        if not (self.folder / "mode").exists():
            self.set_mode("accept")
        log = self.folder / "log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [python(), "-m", "harness.smtp_server", str(self.folder), str(self.port)],
                cwd=ROOT,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        wait_for(self.listens, f"the mail server listens on port {self.port}: see {log}")

    def listens(self) -> bool:
        """Return whether it accepts connections; raise AssertionError if it has ended."""
        if self.process is None or self.process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text("utf-8"))
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def set_mode(self, mode: str) -> None:
        """Set how it answers to the next message, and all after it.

        `accept`, `hang` (until the mode changes), `slow 2` (seconds for a command),
        `refuse 550 5.1.1` (the recipient), `refuse-once 451 4.3.0`, or
        `refuse-message 554 5.7.1 text`.
        """
        new = self.folder / "mode.new"
        new.write_text(mode, "utf-8")
        new.replace(self.folder / "mode")

    @property
    def attempts(self) -> int:
        """How often a client has named a recipient."""
        log = self.folder / "attempts"
        if not log.exists():
            return 0
        return len(log.read_text("utf-8").splitlines())

    @property
    def received(self) -> list[Received]:
        """What it has accepted, the oldest first."""
        messages = []
        for path in sorted((self.folder / "received").glob("*.eml")):
            header, _, content = path.read_bytes().partition(b"\n")
            messages.append(Received(**json.loads(header), content=content))
        return messages

    def messages_to(self, address: str) -> list[EmailMessage]:
        return [item.message for item in self.received if address in item.recipients]

    def wait_for_message(self, to: str, number: int = 1) -> EmailMessage:
        """Return the last of `number` messages to an address; raise AssertionError without it."""
        what = f"{number} messages to {to}"
        wait_for(lambda: len(self.messages_to(to)) >= number, what)
        return self.messages_to(to)[number - 1]


def python() -> str:
    """Return the Python with aiosmtpd, which the environment of a project does not have."""
    file = Path(__file__).with_name(PYTHON)
    if file.exists():
        return str(file.read_text("utf-8"))
    return sys.executable


def add_to(folder: Path) -> None:
    """Add this module to a project, for tests that run inside it."""
    target = folder / "harness"
    target.mkdir(exist_ok=True)
    for name in MODULES:
        # A project has stricter rules.
        code = Path(__file__).with_name(f"{name}.py").read_text("utf-8")
        (target / f"{name}.py").write_text(f"# mypy: ignore-errors\n{code}", "utf-8")
    (target / PYTHON).write_text(python(), "utf-8")


@contextlib.contextmanager
def receiving_mail(**options: Any) -> Iterator[MailServer]:
    """Run a mail server during the block; options are those of MailServer."""
    with tempfile.TemporaryDirectory(prefix="mail-") as folder:
        server = MailServer(Path(folder), **options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def plain_text(message: EmailMessage) -> str:
    return text_of(message, "plain")


def html_text(message: EmailMessage) -> str:
    return text_of(message, "html")


def text_of(message: EmailMessage, subtype: str) -> str:
    """Return the decoded part of a type; raise AssertionError without it."""
    part = message.get_body((subtype,))
    assert part is not None, f"no part text/{subtype}"
    text = part.get_content()
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")


def link_of(message: EmailMessage) -> str:
    """Return the link, which both parts of a message must have."""
    links = set(LINK.findall(plain_text(message)))
    assert len(links) == 1, links
    link = links.pop()
    assert link in html.unescape(html_text(message))
    return link


def token_of(message: EmailMessage) -> str:
    """Return the token in the link of a message; raise AssertionError without it."""
    fragment = urlsplit(link_of(message)).fragment
    tokens = parse_qs(fragment, strict_parsing=True).get("token", [])
    assert len(tokens) == 1, fragment
    return tokens[0]
