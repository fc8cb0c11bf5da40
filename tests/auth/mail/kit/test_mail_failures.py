"""What a server refuses is sent again or reported, without saying to whom it was sent."""

import asyncio
import time

import pytest

from harness.smtp import MailServer, receiving_mail
from tests.auth.mail.support import (
    ADA,
    CREDENTIALS,
    SOON,
    TOKEN,
    logged,
    mailing,
    send_reset,
    until,
    wait_for,
)
from kit._internal.auth.accounts.mail import sending


async def test_attempt_has_a_limit_for_all_commands_together(
    server: MailServer, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "RETRY_DELAYS", ())
    # Each of the answers is in time.
    server.set_mode("slow 2")
    async with mailing(server.url, mail_timeout=3) as mailer:
        send_reset(mailer)
        await wait_for(mailer, failed=1)
    assert "the mail server does not answer in time" in logged(log)


async def test_wrong_password_is_reported_once(log: pytest.LogCaptureFixture) -> None:
    with receiving_mail(credentials=CREDENTIALS) as server:
        url = server.url.replace("ada%40", "eve%40")
        async with mailing(url) as mailer:
            send_reset(mailer)
            await wait_for(mailer, failed=1)
    assert "a mail was not sent: the mail server answers 535 5.7.8" in logged(log)
    assert CREDENTIALS[1] not in logged(log)
    assert "again" not in logged(log)


async def test_mail_is_sent_again_after_a_temporary_error(
    server: MailServer, log: pytest.LogCaptureFixture
) -> None:
    server.set_mode("refuse-once 451 4.3.0")
    async with mailing(server.url) as mailer:
        send_reset(mailer)
        await wait_for(mailer, sent=1)
    assert server.attempts == 2
    assert len(server.messages_to(ADA)) == 1
    assert "a mail is sent again: the mail server answers 451 4.3.0" in logged(log)


async def test_temporary_errors_are_repeated_a_few_times(
    server: MailServer, log: pytest.LogCaptureFixture
) -> None:
    server.set_mode("refuse 450 4.2.1")
    async with mailing(server.url) as mailer:
        send_reset(mailer)
        await wait_for(mailer, failed=1)
    assert server.attempts == 1 + len(sending.RETRY_DELAYS)
    assert log.records[-1].levelname == "ERROR"


@pytest.mark.parametrize("mode", ["refuse 550 5.1.1", f"refuse-message 554 5.7.1 <{ADA}> is spam"])
async def test_permanent_error_is_reported_once(
    server: MailServer, log: pytest.LogCaptureFixture, mode: str
) -> None:
    server.set_mode(mode)
    async with mailing(server.url) as mailer:
        send_reset(mailer)
        await wait_for(mailer, failed=1)
    assert server.attempts == 1
    assert f"a mail was not sent: the mail server answers 55{mode.split()[1][-1]} 5." in logged(log)
    assert TOKEN not in logged(log)


async def test_server_that_comes_back_gets_the_mail(
    server: MailServer, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "RETRY_DELAYS", (0.1,) * 200)
    server.stop()
    async with mailing(server.url) as mailer:
        send_reset(mailer)
        await until(lambda: "cannot be reached: ConnectionRefusedError" in logged(log))
        await asyncio.to_thread(server.start)
        await wait_for(mailer, sent=1)
    assert len(server.messages_to(ADA)) == 1


async def test_hanging_server_is_given_up(
    server: MailServer, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "RETRY_DELAYS", (0.1,))
    server.set_mode("hang")
    async with mailing(server.url, mail_timeout=0.5) as mailer:
        start = time.monotonic()
        send_reset(mailer)
        # The server hangs for a minute.
        await wait_for(mailer, failed=1)
        assert time.monotonic() - start < SOON
    for what in ("is sent again", "was not sent"):
        assert f"a mail {what}: the mail server does not answer in time" in logged(log)
