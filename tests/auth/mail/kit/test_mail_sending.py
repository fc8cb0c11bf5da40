"""Mail reaches a real server, encrypted where the URL says so, and names its mistakes early."""

from pathlib import Path
from typing import Any

import pytest

from harness.smtp import MailServer, link_of, plain_text, receiving_mail, token_of
from tests.auth.mail.support import (
    ADA,
    CREDENTIALS,
    TOKEN,
    logged,
    mail_settings,
    mailing,
    send_reset,
    wait_for,
)
from kit._internal.auth.accounts.mail import texts
from kit._internal.auth.accounts.mail.sending import Mailer
from kit._internal.auth.start import StartError


async def test_mail_arrives(server: MailServer) -> None:
    async with mailing(server.url) as mailer:
        send_reset(mailer)
        await wait_for(mailer, sent=1)
        assert mailer.reasons_not_to_start() == []
    message = server.wait_for_message(to=ADA)
    assert message["Subject"] == "Reset your password for orders"
    assert token_of(message) == TOKEN
    assert link_of(message).startswith("https://app.example.com/reset-password#")
    received = server.received[0]
    assert received.sender == "no-reply@example.com"
    assert received.recipients == [ADA]
    assert not received.encrypted
    # The name of the machine is nobody's business.
    assert received.greeting == "example.com"


async def test_text_that_is_not_ascii_arrives(server: MailServer) -> None:
    async with mailing(server.url, mail_from="Bücher <info@example.com>") as mailer:
        send_reset(mailer, name="김철수 🦊")
        await wait_for(mailer, sent=1)
    message = server.wait_for_message(to=ADA)
    assert "Hello 김철수 🦊," in plain_text(message)
    assert message["From"] == "Bücher <info@example.com>"


async def test_mail_is_encrypted_and_authenticated(encrypted_server: MailServer) -> None:
    async with mailing(encrypted_server.url) as mailer:
        send_reset(mailer)
        await wait_for(mailer, sent=1)
    assert encrypted_server.received[0].encrypted
    assert encrypted_server.received[0].authenticated


async def test_unknown_certificate_is_refused(
    encrypted_server: MailServer, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with mailing(encrypted_server.url) as mailer:
        send_reset(mailer)
        await wait_for(mailer, failed=1)
    assert encrypted_server.attempts == 0
    assert "the certificate of the mail server is not valid: " in logged(log)


async def test_certificate_of_another_host_is_refused(
    encrypted_server: MailServer, log: pytest.LogCaptureFixture
) -> None:
    url = encrypted_server.url.replace("localhost", "127.0.0.1")
    async with mailing(url) as mailer:
        send_reset(mailer)
        await wait_for(mailer, failed=1)
    assert encrypted_server.attempts == 0
    assert "the certificate of the mail server is not valid: " in logged(log)


async def test_password_is_not_sent_without_tls(log: pytest.LogCaptureFixture) -> None:
    with receiving_mail(credentials=CREDENTIALS) as server:
        async with mailing(f"{server.url}?starttls=required") as mailer:
            send_reset(mailer)
            await wait_for(mailer, failed=1)
        assert server.attempts == 0
    assert "the mail server does not support STARTTLS" in logged(log)


async def test_address_that_is_not_ascii_needs_smtputf8(log: pytest.LogCaptureFixture) -> None:
    address = "zoë@bücher.example"
    with receiving_mail(utf8=True) as server:
        async with mailing(server.url) as mailer:
            send_reset(mailer, address)
            await wait_for(mailer, sent=1)
        message = server.wait_for_message(to="zoë@xn--bcher-kva.example")
        assert token_of(message) == TOKEN
    with receiving_mail() as server:
        async with mailing(server.url) as mailer:
            send_reset(mailer, address)
            await wait_for(mailer, failed=1)
    assert "the mail server does not support SMTPUTF8" in logged(log)
    assert "zoë" not in logged(log)


async def test_mailer_serves_again(server: MailServer) -> None:
    mailer = Mailer(mail_settings(server.url))
    for number in (1, 2):
        async with mailer.serve():
            server.set_mode("refuse-once 451 4.3.0")
            send_reset(mailer)
            await wait_for(mailer, sent=number)
    with pytest.raises(RuntimeError, match="serve"):
        send_reset(mailer)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("password_reset", {"token": TOKEN}),
        ("password_reset", {"minutes": 30}),
        ("password_reset", {"token": TOKEN, "minutes": 30, "link": "https://eve.example"}),
        ("password_changed", {"token": TOKEN}),
        ("new_api_key", {"name": "Ada"}),
    ],
)
async def test_wrong_values_are_refused_immediately(kind: str, values: dict[str, Any]) -> None:
    async with mailing(None) as mailer:
        with pytest.raises(ValueError, match=r"values of|token"):
            mailer.send(kind, ADA, **values)
        assert mailer.waiting == set()


async def test_invalid_recipient_is_reported(
    server: MailServer, log: pytest.LogCaptureFixture
) -> None:
    async with mailing(server.url) as mailer:
        send_reset(mailer, f"{ADA}\r\nBcc: eve@example.com")
        await wait_for(mailer, failed=1)
    assert server.attempts == 0
    assert "a mail was not sent: the address is not an e-mail address" in logged(log)


async def test_invalid_text_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sign_up.txt").write_text("Subject: $nobody\n\n$link\n", "utf-8")
    monkeypatch.setattr(texts, "own_folder", lambda _: tmp_path)
    with pytest.raises(StartError, match=r"unknown placeholder \$nobody"):
        async with mailing(None):
            pass
    assert len(Mailer(mail_settings(None)).reasons_not_to_start()) == 1
