"""Requests do not wait for mail; neither waiting mails nor the end of the process are unbounded."""

import asyncio
import time

import pytest

from harness.smtp import MailServer
from tests.auth.mail.support import (
    ADA,
    SOON,
    TOKEN,
    logged,
    mailing,
    send_reset,
    until,
    wait_for,
)
from kit._internal.auth.accounts.mail import sending


async def test_mails_are_sent_before_the_process_ends(server: MailServer) -> None:
    async with mailing(server.url) as mailer:
        for _ in range(10):
            send_reset(mailer)
        assert mailer.sent == 0
    assert mailer.sent == len(server.messages_to(ADA)) == 10


async def test_hanging_server_does_not_block_the_event_loop(server: MailServer) -> None:
    server.set_mode("hang")
    async with mailing(server.url, mail_timeout=2 * SOON) as mailer:
        for _ in range(20):
            send_reset(mailer)
        pauses: list[float] = []
        while len(pauses) < 50:
            start = time.monotonic()
            await asyncio.sleep(0.01)
            pauses.append(time.monotonic() - start)
        # Half of them, as other processes may use the processor.
        assert sorted(pauses)[25] < 0.5
        assert mailer.sent == 0
        server.set_mode("accept")
        await wait_for(mailer, sent=20)


async def test_connections_are_few(server: MailServer) -> None:
    server.set_mode("hang")
    async with mailing(server.url, mail_timeout=2 * SOON) as mailer:
        for _ in range(30):
            send_reset(mailer)
        await until(lambda: server.attempts >= sending.MAX_CONNECTIONS)
        await asyncio.sleep(0.3)
        assert server.attempts == sending.MAX_CONNECTIONS
        server.set_mode("accept")
        await wait_for(mailer, sent=30)


async def test_waiting_mails_are_bounded(
    server: MailServer, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "MAX_WAITING", 3)
    async with mailing(server.url) as mailer:
        for _ in range(5):
            send_reset(mailer)
        assert mailer.dropped == 2
        await wait_for(mailer, sent=3, dropped=2)
        send_reset(mailer)
        await wait_for(mailer, sent=4, dropped=2)
    assert "dropped a mail" in logged(log)
    assert log.records[0].levelname == "ERROR"


async def test_waiting_attempt_is_made_before_the_process_ends(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "RETRY_DELAYS", (3600.0,))
    server.set_mode("refuse-once 451 4.3.0")
    async with mailing(server.url) as mailer:
        send_reset(mailer)
        await until(lambda: server.attempts > 0)
    assert len(server.messages_to(ADA)) == 1


async def test_end_of_the_process_does_not_wait_for_a_hanging_server(
    server: MailServer, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "SHUTDOWN_TIMEOUT", 0.5)
    server.set_mode("hang")
    async with asyncio.timeout(SOON):
        async with mailing(server.url, mail_timeout=3600) as mailer:
            for _ in range(6):
                send_reset(mailer)
    assert mailer.failed == 6
    assert "did not send 6 mails before the process ends" in logged(log)
    assert TOKEN not in logged(log)
