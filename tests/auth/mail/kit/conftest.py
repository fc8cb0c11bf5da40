"""Servers that receive mail, and a log that never shows an address."""

import logging
from collections.abc import Iterator

import pytest

from harness.smtp import MailServer, receiving_mail
from tests.auth.mail.support import ADA, CREDENTIALS, SOON, shown
from kit._internal.auth.accounts.mail import sending


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "RETRY_DELAYS", (0.1, 0.2, 0.2, 0.2))


@pytest.fixture(autouse=True)
def patient_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the end of a mailer wait for as long as a busy machine needs."""
    monkeypatch.setattr(sending, "SHUTDOWN_TIMEOUT", SOON)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """No record names an address or has a token, whatever the test is about."""
    caplog.set_level(logging.DEBUG)
    yield caplog
    # Here, `caplog.records` has only those of the end of the test.
    assert ADA not in shown(caplog.get_records("call"))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with receiving_mail() as running:
        yield running


@pytest.fixture(params=["starttls", "implicit"])
def encrypted_server(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MailServer]:
    """Run a server with a certificate for localhost, whose authority this machine trusts."""
    with receiving_mail(tls=request.param, credentials=CREDENTIALS) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.authority))
        yield running
