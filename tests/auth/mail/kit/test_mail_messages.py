"""What mails say: the service's own texts first, every value escaped, no header of a client."""

import email
import email.policy
import importlib
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from harness.smtp import html_text, link_of, plain_text, token_of
from tests.auth.mail.support import ADA, TOKEN
from kit._internal.auth.accounts.mail import kinds, messages, texts
from kit._internal.auth.accounts.mail.addresses import parse_mailbox
from kit._internal.auth.start import StartError

NOBODY = Path("/nonexistent")
SENDER = parse_mailbox("Orders <no-reply@example.com>")
TIME = datetime(2026, 11, 29, 10, 15, tzinfo=UTC)
EXTRA: dict[str, dict[str, Any]] = {
    "second_factor_changed": {"change": "it was turned off"},
    "new_api_key": {"key_name": "deploy"},
}


def link_for(kind: str) -> str:
    token = None
    if kinds.KINDS[kind].has_token:
        token = TOKEN
    return kinds.link_of("https://app.example.com", kinds.KINDS[kind], token)


def message_of(kind: str, folder: Path = NOBODY, to: str = ADA, **values: Any) -> EmailMessage:  # noqa: ANN401
    """Return a message as its receiver gets it."""
    usual: dict[str, Any] = {
        "service": "orders",
        "name": "Ada",
        "link": link_for(kind),
        "time": "now",
    }
    usual |= {"minutes": 30, "duration": "30 minutes", **EXTRA.get(kind, {})}
    text = texts.fill(texts.load_texts(folder)[kind], {**usual, **values})
    message = messages.build(SENDER, to, text, TIME)
    parsed = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


@pytest.fixture
def own_texts(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def settings_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").touch()
    (tmp_path / "shop/settings.py").write_text("class Settings: ...\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    settings: type = importlib.import_module("shop.settings").Settings
    return settings


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_each_mail_has_a_subject_and_two_parts(kind: str) -> None:
    message = message_of(kind)
    assert "orders" in message["Subject"]
    assert message.get_content_type() == "multipart/alternative"
    for text in (plain_text(message), html_text(message)):
        assert "$" not in text
        assert len(text) > 100
    assert "color-scheme" in html_text(message)
    assert not re.search(r"<img|<script|src=|url\(", html_text(message))


@pytest.mark.parametrize("kind", set(kinds.KINDS) - {"email_changed"})
def test_both_parts_have_the_link(kind: str) -> None:
    link = link_of(message_of(kind))
    assert link == link_for(kind)


@pytest.mark.parametrize("kind", [name for name, kind in kinds.KINDS.items() if kind.has_token])
def test_token_is_in_the_fragment_of_the_link(kind: str) -> None:
    message = message_of(kind)
    assert token_of(message) == TOKEN
    assert TOKEN not in link_of(message).partition("#")[0]
    assert "30 minutes" in plain_text(message)


def test_token_is_encoded_and_required() -> None:
    kind = kinds.KINDS["sign_up"]
    link = kinds.link_of("https://app.example.com", kind, 'a"><b&c')
    assert re.fullmatch(r"https://app\.example\.com/finish-sign-up#token=[\w%]+", link)
    assert unquote(link.partition("=")[2]) == 'a"><b&c'
    with pytest.raises(ValueError, match="token"):
        kinds.link_of("https://app.example.com", kind, None)
    with pytest.raises(ValueError, match="token"):
        kinds.link_of("https://app.example.com", kinds.KINDS["account_exists"], TOKEN)


def test_headers_are_those_of_an_automatic_message() -> None:
    message = message_of("password_reset")
    assert message["From"] == "Orders <no-reply@example.com>"
    assert message["To"] == ADA
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == TIME
    assert re.fullmatch(r"<[^@<>]+@example\.com>", message["Message-ID"])
    assert message["Message-ID"] != message_of("password_reset")["Message-ID"]


@pytest.mark.parametrize("kind", ["sign_up", "invitation", "email_change"])
def test_mail_to_an_unconfirmed_address_does_not_say_what_a_client_chose(kind: str) -> None:
    message = message_of(kind, name="you have won")
    assert "you have won" not in message.as_string()


@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\x85", "\u2028", "\x0b"])
def test_name_adds_no_header_and_no_line(own_texts: Path, line_break: str) -> None:
    (own_texts / "new_api_key.txt").write_text("Subject: $key_name\n\n$name $key_name $link\n")
    name = f"x{line_break}Bcc: eve@example.com{line_break}{line_break}Pay here"
    message = message_of("new_api_key", own_texts, name=name, key_name=name)
    assert message["Bcc"] is None
    assert message["Subject"] == "x Bcc: eve@example.com Pay here"
    assert len(plain_text(message).splitlines()) == 1


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x08", "\u202e", "\u200b"])
def test_name_has_no_control_characters(character: str) -> None:
    message = message_of("password_changed", name=f"A{character}da")
    assert "Hello A da," in plain_text(message)
    assert "Hello A da," in html_text(message)


def test_values_are_escaped_in_html_only() -> None:
    name = '"><script>alert(1)</script>&amp; $link {0}'
    message = message_of("password_changed", name=name)
    assert f"Hello {name}," in plain_text(message)
    assert "<script" not in html_text(message)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;" in html_text(message)


def test_long_name_is_shortened() -> None:
    message = message_of("password_changed", name="x" * 5000)
    assert "x" * 99 + "…" in plain_text(message)
    assert "x" * 100 not in plain_text(message)


def test_name_without_ascii_arrives() -> None:
    message = message_of("password_changed", name="Zoë 김철수 🦊")
    assert "Hello Zoë 김철수 🦊," in plain_text(message)
    assert "Hello Zoë 김철수 🦊," in html_text(message)


def test_own_text_replaces_that_of_kit(own_texts: Path) -> None:
    (own_texts / "sign_up.txt").write_text("Subject: Willkommen\n\nHallo: $link $$5\n", "utf-8")
    message = message_of("sign_up", own_texts)
    assert message["Subject"] == "Willkommen"
    assert plain_text(message) == f"Hallo: {link_for('sign_up')} $5\n"
    # The other part is still that of kit.
    assert "Set your password" in html_text(message)


def test_own_texts_are_in_the_package_of_the_settings(settings_class: type, tmp_path: Path) -> None:
    assert texts.own_folder(settings_class) == tmp_path / "shop/mails"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("sign_up.txt", "Subject: x\n\n$link $nme\n", "unknown placeholder $nme; known: $duration"),
        ("sign_up.html", "<p>$link ${key_name}</p>", "unknown placeholder $key_name"),
        ("sign_up.html", "<p>$link 5 $ a month</p>", "has a $ without a name; write $$"),
        ("sign_up.html", "<p>hello</p>", "has no $link"),
        ("sign_up.txt", "hello $link", "first line has to be `Subject: ...`"),
        ("sign_up.txt", "Subject: \n\n$link", "has no subject"),
        ("sign_up.txt", "Subject: $link\n\n$link", "has $link in the subject"),
        ("signup.txt", "Subject: x\n\n$link\n", "no mail uses it; mails: sign_up, "),
    ],
)
def test_invalid_text_is_named_at_the_start(
    own_texts: Path, name: str, content: str, problem: str
) -> None:
    (own_texts / name).write_text(content, "utf-8")
    (own_texts / "README.md").write_text("no text of a mail", "utf-8")
    with pytest.raises(StartError) as error:
        texts.load_texts(own_texts)
    line = str(error.value)
    assert line.startswith(f"{own_texts / name}: ")
    assert problem in line
    assert "\n" not in line


def test_every_invalid_text_is_named(own_texts: Path) -> None:
    for name in ("sign_up.txt", "invitation.html"):
        (own_texts / name).write_text("$x", "utf-8")
    (own_texts / "password_reset.txt").write_bytes(b"Subject: \xff\n$link")
    with pytest.raises(StartError) as error:
        texts.load_texts(own_texts)
    for name in ("sign_up.txt", "invitation.html", "password_reset.txt: is not UTF-8"):
        assert name in str(error.value)
