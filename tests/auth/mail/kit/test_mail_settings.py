"""MAIL_URL is parsed as documented and never shown; mail that cannot be sent stops the start."""

import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import SettingsConfigDict

from tests.auth.mail.support import Settings, mail_settings
import kit.settings
from kit._internal.auth.accounts.mail.server import MailServer, parse_mail_url
from kit._internal.auth.accounts.mail.settings import MailSettings, missing_mail_settings
from kit.project import PROJECT_DIR

SECRET = "p%40ss%3Aw%2Frd"
PASSWORD = "p@ss:w/rd"


class ServiceSettings(kit.settings.Settings, MailSettings):
    model_config = SettingsConfigDict(env_prefix="ORDERS_", env_file=None)


def load(**values: Any) -> ServiceSettings:  # noqa: ANN401
    return kit.settings.load(ServiceSettings, DATABASE_URL=database_url(), **values)


def database_url() -> str:
    return "sqlite:///:memory:"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAIL_URL", "MAIL_FROM", "MAIL_LINKS_URL", "MAIL_FOLDER", "MAIL_TIMEOUT"):
        monkeypatch.delenv(f"ORDERS_{name}", raising=False)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", MailServer("mail.example.com", 587, "starttls")),
        ("SMTP://mail.example.com:25/", MailServer("mail.example.com", 25, "starttls")),
        ("smtps://mail.example.com", MailServer("mail.example.com", 465, "implicit")),
        ("smtps://127.0.0.1:4465", MailServer("127.0.0.1", 4465, "implicit")),
        ("smtp://localhost:1025", MailServer("localhost", 1025, "none")),
        ("smtp://[::1]:1025", MailServer("::1", 1025, "none")),
        ("smtp://[2001:db8::1]", MailServer("2001:db8::1", 587, "starttls")),
        ("smtp://localhost?starttls=required", MailServer("localhost", 587, "starttls")),
        (
            f"smtp://ada%40example.com:{SECRET}@mail.example.com",
            MailServer("mail.example.com", 587, "starttls", "ada@example.com", PASSWORD),
        ),
    ],
)
def test_url_is_a_server(url: str, server: MailServer) -> None:
    assert parse_mail_url(url) == server


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mail.example.com:587", "expected format: smtp://user:password@"),
        (f"http://ada:{SECRET}@mail.example.com", "expected format: smtp://user:password@"),
        (f"smtp://ada:{PASSWORD}@mail.example.com", "percent-encoded"),
        (f"smtp://ada:{SECRET}@mail example.com", "percent-encoded"),
        (f"smtp://ada:{SECRET}%0D%0ARSET@mail.example.com", "percent-encoded"),
        (f"smtp://ada:{SECRET}%FF@mail.example.com", "percent-encoded"),
        (f"smtp://:{SECRET}@mail.example.com", "has a user without a password, or"),
        ("smtp://ada@mail.example.com", "has a user without a password, or"),
        ("smtp://mail.example.com:0", "has an invalid port"),
        ("smtp://mail.example.com:65536", "has an invalid port"),
        (f"smtp://mail.example.com?password={SECRET}", "has an unknown parameter"),
        ("smtp://mail.example.com?starttls=no", "has an unknown parameter"),
        ("smtp://", "percent-encoded"),
    ],
)
def test_invalid_url_is_a_line_without_the_password(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    monkeypatch.setenv("ORDERS_MAIL_URL", url)
    with pytest.raises(SystemExit) as exit_info:
        load()
    message = str(exit_info.value)
    assert message.startswith("ORDERS_MAIL_URL: ")
    assert reason in message
    assert "\n" not in message
    assert "p@ss" not in message
    assert "p%40ss" not in message


def test_credentials_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    # Some providers use a secret as the name of the user.
    monkeypatch.setenv("ORDERS_MAIL_URL", f"smtp://postmark-key:{SECRET}@mail.example.com")
    settings = load()
    assert settings.mail_url is not None
    assert settings.mail_url.password == PASSWORD
    shown = [repr(settings), str(settings), repr(settings.mail_url), f"{settings.mail_url}"]
    shown += [str(settings.model_dump()), settings.model_dump_json()]
    for text in shown:
        assert PASSWORD not in text
        assert SECRET not in text
        assert "postmark-key" not in text
    assert "mail_url" not in settings.model_dump()


def test_settings_reach_worker_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_MAIL_URL", f"smtp://ada:{SECRET}@mail.example.com")
    server = load().mail_url
    assert pickle.loads(pickle.dumps(server)) == server


@pytest.mark.parametrize(
    "sender",
    ["no-reply@example.com", "Orders <no-reply@example.com>", "Bücher <info@bücher.example>"],
)
def test_sender_is_a_mailbox(sender: str) -> None:
    assert mail_settings(None, mail_from=sender).mail_from == sender


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "Orders",
        "Orders <no-reply>",
        "a@b@c",
        "a@-b.example",
        "ä@example.com",
        "A <a@b.c>, b@c",
        "Orders\r\nBcc: eve@example.com <no-reply@example.com>",
        "a b@example.com",
    ],
)
def test_other_sender_is_refused(sender: str) -> None:
    with pytest.raises(SystemExit, match=r"^ORDERS_MAIL_FROM: "):
        load(mail_from=sender)


@pytest.mark.parametrize(
    ("url", "normalized"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://app.example.com/account/", "https://app.example.com/account"),
        ("http://localhost:3000", "http://localhost:3000"),
    ],
)
def test_url_of_links_is_https_or_on_this_machine(url: str, normalized: str) -> None:
    assert mail_settings(None, mail_links_url=url).mail_links_url == normalized


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example.com",
        "app.example.com",
        "https://",
        "javascript:alert(1)",
        "https://app.example.com/?page=",
        "https://app.example.com/#/",
        "https://a@b.example",
        "https://app.example.com/a b",
        "https://app.example.com/\nx",
    ],
)
def test_other_url_of_links_is_refused(url: str) -> None:
    with pytest.raises(SystemExit, match=r"^ORDERS_MAIL_LINKS_URL: must be a URL "):
        load(mail_links_url=url)


def test_mail_settings_are_required_outside_development() -> None:
    required = ["mail_url", "mail_from", "mail_links_url"]
    assert missing_mail_settings(Settings()) == required
    assert list(missing_mail_settings(Settings(development=True))) == []
    assert missing_mail_settings(mail_settings("smtp://localhost")) == []
    assert missing_mail_settings(mail_settings(None)) == ["mail_url"]


def test_folder_is_in_the_project() -> None:
    assert Settings().mail_folder == PROJECT_DIR / ".mail"
    assert Settings(mail_folder=Path("mails/new")).mail_folder == PROJECT_DIR / "mails/new"
    assert Settings(mail_folder=Path("/var/mail")).mail_folder == Path("/var/mail")
