"""In development, mails are files, and the log has their links."""

import email
import email.policy
import stat
from pathlib import Path

import pytest

from harness.smtp import link_of, plain_text
from tests.auth.mail.support import (
    ADA,
    TOKEN,
    Settings,
    logged,
    mailing,
    mails_in,
    send_reset,
    wait_for,
)
from kit._internal.auth.accounts.mail.sending import Mailer


async def test_mail_without_a_server_is_a_file(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "new/mail"
    async with mailing(None, mail_folder=folder, development=True) as mailer:
        for number, name in enumerate(("first", "second"), 1):
            send_reset(mailer, name=name)
            await wait_for(mailer, sent=number)
    files = mails_in(folder)
    assert len(files) == 2
    for path, name in zip(files, ("first", "second"), strict=True):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        assert isinstance(message, email.message.EmailMessage)
        assert f"Hello {name}," in plain_text(message)
        assert message["To"] == ADA
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        line = f"a mail is in {path}: {link_of(message)}"
        assert [record.getMessage() for record in log.records].count(line) == 1
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} == {
        ".gitignore",
        *(path.name for path in files),
    }
    assert (folder / ".gitignore").read_text("utf-8") == "*\n"
    assert f"#token={TOKEN}" in logged(log)


async def test_link_is_not_logged_outside_development(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    async with mailing(None, mail_folder=tmp_path) as mailer:
        send_reset(mailer)
        await wait_for(mailer, sent=1)
    assert len(mails_in(tmp_path)) == 1
    assert TOKEN not in logged(log)


async def test_settings_are_optional_in_development(tmp_path: Path) -> None:
    mailer = Mailer(Settings(development=True, mail_folder=tmp_path))
    async with mailer.serve():
        send_reset(mailer)
        await wait_for(mailer, sent=1)
    text = mails_in(tmp_path)[0].read_text("utf-8")
    assert "From: orders <no-reply@localhost>" in text
    assert f"http://localhost:8000/reset-password#token={TOKEN}" in text


async def test_folder_that_cannot_be_written_is_reported(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    async with mailing(None, mail_folder=tmp_path / "file", development=True) as mailer:
        send_reset(mailer)
        await wait_for(mailer, failed=1)
    assert "a mail was not sent: " in logged(log)
