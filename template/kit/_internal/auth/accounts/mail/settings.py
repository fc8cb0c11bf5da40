"""The settings of mail; the rest of the folder is imported when the service starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator
from pydantic_settings import BaseSettings, NoDecode

from kit._internal.auth.accounts.mail.addresses import check_mailbox
from kit._internal.auth.accounts.mail.server import MailServer, parse_mail_url
from kit._internal.hosts import is_loopback
from kit.project import PROJECT_DIR

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of links in development, if MAIL_LINKS_URL is not set.
DEVELOPMENT_LINKS_URL = "http://localhost:8000"


def check_links_url(url: str) -> str:
    """Return a URL without a slash at its end.

    Raises ValueError if a page there could be changed on the way to the browser: its scripts read
    the token of the link.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not host or not is_safe or parts.username is not None or not url.isprintable():
        raise ValueError("must be a URL with https, or with http on this machine")
    if parts.query or parts.fragment or " " in url:
        raise ValueError("must be a URL without ? and #")
    return url.rstrip("/")


def in_project(path: Path) -> Path:
    """Return an absolute path; a relative one is in the folder of the project."""
    return PROJECT_DIR / path


class MailSettings(BaseSettings):
    """The settings of mail, which the settings of accounts extend."""

    # The server that sends mail: smtp://user:password@host:587 with STARTTLS, which is not required
    # on this machine, or smtps://host:465. Its credentials are never printed.
    mail_url: Annotated[MailServer | None, NoDecode, PlainValidator(parse_mail_url)] = Field(
        default=None, validate_default=False, exclude=True
    )
    # The sender, such as `Orders <no-reply@example.com>`.
    mail_from: Annotated[str, AfterValidator(check_mailbox)] | None = None
    # Where the links in mails lead to: https://app.example.com has /reset-password and other pages.
    mail_links_url: Annotated[str, AfterValidator(check_links_url)] | None = None
    # Longest time of an attempt to send a message, in seconds.
    mail_timeout: float = Field(default=30, gt=0)
    # Without MAIL_URL, in development, mails are written to this folder.
    mail_folder: Annotated[Path, AfterValidator(in_project)] = PROJECT_DIR / ".mail"


def is_development(settings: MailSettings) -> bool:
    """Return whether the service runs for developers: a setting of kit/settings.py."""
    return bool(getattr(settings, "development", False))


def missing_mail_settings(settings: MailSettings) -> Sequence[str]:
    """Return the names of settings without which no mail can be sent; none in development."""
    if is_development(settings):
        return ()
    names = ("mail_url", "mail_from", "mail_links_url")
    return [name for name in names if getattr(settings, name) is None]
