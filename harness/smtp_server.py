"""The process of a mail server: `python -m harness.smtp_server FOLDER PORT`.

It is aiosmtpd, which answers as the files in the folder say, so that tests change it while it runs:
`options.json` is read when it starts, `mode` for each message. It writes each message that it
accepts to `received/`, and a line for each attempt to send a message to `attempts`.
"""

import asyncio
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

# Seconds that an answer of a hanging server takes, unless its mode changes.
HANG_SECONDS = 60


class Receiver:
    """Answers to the commands of a client: https://aiosmtpd.aio-libs.org/en/stable/handlers.html."""

    def __init__(self, folder: Path, options: dict[str, Any]) -> None:
        self.folder = folder
        # Of a connection that is encrypted from its start aiosmtpd does not know it.
        self.is_encrypted = options["tls"] == "implicit"

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self.slow_down()
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        with (self.folder / "attempts").open("a", encoding="utf-8") as log:
            log.write(f"{address}\n")
        mode, _, argument = (self.folder / "mode").read_text("utf-8").partition(" ")
        await self.slow_down()
        if mode == "hang":
            await self.hang()
        if mode == "refuse":
            # As many servers do, it quotes the address.
            return f"{argument} <{address}> is refused"
        if mode == "refuse-once":
            (self.folder / "mode").write_text("accept", "utf-8")
            return f"{argument} <{address}> is refused"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def hang(self) -> None:
        """Return when the mode is another one, or after HANG_SECONDS."""
        end = time.monotonic() + HANG_SECONDS
        while time.monotonic() < end and (self.folder / "mode").read_text("utf-8") == "hang":
            await asyncio.sleep(0.05)

    async def slow_down(self) -> None:
        mode, _, argument = (self.folder / "mode").read_text("utf-8").partition(" ")
        if mode == "slow":
            await asyncio.sleep(float(argument))

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        mode, _, argument = (self.folder / "mode").read_text("utf-8").partition(" ")
        if mode == "refuse-message":
            return argument
        received = {
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "encrypted": self.is_encrypted or session.ssl is not None,
            "authenticated": bool(session.authenticated),
            "greeting": session.host_name,
        }
        content = envelope.original_content or b""
        unfinished = self.folder / "unfinished"
        unfinished.write_bytes(json.dumps(received).encode() + b"\n" + content)
        unfinished.rename(self.folder / "received" / f"{time.time_ns()}.eml")
        return "250 OK"


def server_options(folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of aiosmtpd for the options of a test."""
    arguments: dict[str, Any] = {
        "hostname": "mail.test",
        "enable_SMTPUTF8": options["utf8"],
        "auth_require_tls": False,
    }
    if options["credentials"] is not None:
        username, password = options["credentials"]
        expected = LoginPassword(username.encode(), password.encode())

        def authenticate(
            _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, sent: object
        ) -> AuthResult:
            return AuthResult(success=sent == expected, handled=False)

        arguments |= {"authenticator": authenticate, "auth_required": True}
    if options["tls"] == "starttls":
        arguments |= {"tls_context": tls_context(folder), "require_starttls": True}
    return arguments


def tls_context(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    return context


def write_certificates(folder: Path) -> None:
    """Write a certificate for localhost, and that of its authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")


async def serve(folder: Path, port: int) -> None:
    """Receive mail until the process is ended."""
    options = json.loads((folder / "options.json").read_text("utf-8"))
    if options["tls"] != "none" and not (folder / "server.pem").exists():
        write_certificates(folder)
    loop = asyncio.get_running_loop()
    receiver = Receiver(folder, options)

    def create() -> SMTP:
        return SMTP(receiver, loop=loop, **server_options(folder, options))

    context = None
    if options["tls"] == "implicit":
        context = tls_context(folder)
    server = await loop.create_server(create, "127.0.0.1", port, ssl=context)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
