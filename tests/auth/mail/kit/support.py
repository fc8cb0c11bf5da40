"""The settings of a service that sends mail, without those of accounts, and its mailer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import SettingsConfigDict

from kit._internal.auth.accounts.mail.sending import Mailer
from kit._internal.auth.accounts.mail.settings import MailSettings

CREDENTIALS = ("ada@example.com", "p@ss:w/rd %20")
# The longest that a test waits for what takes milliseconds.
SOON = 30.0
TOKEN = "dGhlIHRva2Vu-_42"
ADA = "ada@example.com"


class Settings(MailSettings):
    """The settings of mail, and the built-in ones that it uses."""

    model_config = SettingsConfigDict(env_prefix="ORDERS_", hide_input_in_errors=True)

    service_name: str = "orders"
    development: bool = False


def mail_settings(url: str | None, **values: Any) -> Settings:  # noqa: ANN401
    usual: dict[str, Any] = {
        "mail_from": "Orders <no-reply@example.com>",
        "mail_links_url": "https://app.example.com",
        "mail_timeout": 20,
    }
    return Settings(**{"mail_url": url, **usual, **values})


@asynccontextmanager
async def mailing(url: str | None, **values: Any) -> AsyncIterator[Mailer]:  # noqa: ANN401
    """Run a mailer with the settings of a service, and with changes of them."""
    mailer = Mailer(mail_settings(url, **values))
    async with mailer.serve():
        yield mailer


def send_reset(mailer: Mailer, recipient: str = ADA, name: str = "Ada") -> None:
    mailer.send("password_reset", recipient, token=TOKEN, name=name, minutes=30)


def shown(records: list[logging.LogRecord]) -> str:
    """Return everything that records say, with fields and tracebacks."""
    return "\n".join(f"{vars(record)} {record.getMessage()}" for record in records)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return shown(caplog.records)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def mails_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.eml"))


async def wait_for(mailer: Mailer, **counts: int) -> None:
    """Wait until no mail waits; check how many were sent, have failed or were dropped."""
    assert await mailer.wait_until_sent(SOON)
    actual = {"sent": mailer.sent, "failed": mailer.failed, "dropped": mailer.dropped}
    assert actual == {"sent": 0, "failed": 0, "dropped": 0, **counts}
