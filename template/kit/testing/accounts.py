"""The mails of accounts in tests, which send none: the plugin has the fixture `mails`.

    async def test_user_signs_up(client: AsyncClient, mails: Mails) -> None:
        ada = {"email": "ada@example.com", "name": "Ada"}
        await client.post("/auth/sign-up", json=ada)
        mail = await mails.wait_for("ada@example.com")
        assert mail.kind == "sign_up"
        body = {"token": mail.token, "password": "a lighthouse made of green paper"}
        assert (await client.post("/auth/sign-up/confirm", json=body)).status_code == 201

Without this fixture, a test of an application that is not started cannot send mails.
"""

import asyncio
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import parse_qs, urlsplit

import pytest

from kit._internal.auth.accounts.mail.sending import Mail, Mailer

__all__ = ["Mails", "SentMail", "mails"]

# Seconds.
TIMEOUT = 30
INTERVAL = 0.01


@dataclass(frozen=True)
class SentMail:
    """A mail that the service would have sent.

    `kind` is the name of its text, such as password_reset. `message` is what the user would read.
    """

    kind: str
    to: str
    link: str
    message: EmailMessage

    @property
    def token(self) -> str:
        """The token in the link, which the page that it leads to sends to the service.

        Raises AssertionError for a mail whose link has no token.
        """
        tokens = parse_qs(urlsplit(self.link).fragment).get("token", [])
        if len(tokens) != 1:
            raise AssertionError(f"the link of {self.kind} has no token")
        return tokens[0]


class Mails:
    """The mails of a test, the oldest first in `all`."""

    def __init__(self) -> None:
        self.all: list[SentMail] = []

    def to(self, address: str) -> list[SentMail]:
        """Return the mails to an address so far."""
        return [mail for mail in self.all if mail.to == address]

    async def wait_for(self, address: str, number: int = 1) -> SentMail:
        """Return the newest mail to an address, as soon as there are `number` of them.

        `own_app` sends them after the answer, `app` before `client` has it. Raises AssertionError
        if they are not sent.
        """
        for _ in range(round(TIMEOUT / INTERVAL)):
            sent = self.to(address)
            if len(sent) >= number:
                return sent[-1]
            await asyncio.sleep(INTERVAL)
        kinds = [mail.kind for mail in self.to(address)]
        raise AssertionError(f"{len(kinds)} instead of {number} mails to {address}: {kinds}")


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> Mails:
    """Return the mails that the service sends in the test, instead of sending them."""
    sent = Mails()

    def keep(mailer: Mailer, mail: Mail) -> None:
        if not mailer.texts:
            mailer.load_texts()
        sent.all.append(SentMail(mail.kind, mail.recipient, mail.link, mailer.build(mail)))

    monkeypatch.setattr(Mailer, "enqueue", keep)
    return sent
