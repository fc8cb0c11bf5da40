"""The domain for which passkeys are valid, and the origins of the pages that may use them.

Browsers use a passkey only on pages of its domain and of domains below it; the service accepts it
only from pages that it knows (WebAuthn, 13.4.9).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from kit._internal.auth.accounts.mail.settings import DEVELOPMENT_LINKS_URL
from kit._internal.hosts import is_loopback

if TYPE_CHECKING:
    from kit._internal.auth.accounts.settings import Settings

# Browsers leave them out of an origin (RFC 6454, 6.1).
DEFAULT_PORTS = {"https": ":443", "http": ":80"}


@dataclass(frozen=True)
class RelyingParty:
    """The service for which passkeys are valid.

    - `id`: its domain, without scheme and port. Passkeys are lost when it changes.
    - `name`: what the browser shows.
    - `origins`: where its pages are, such as https://orders.example.com.
    """

    id: str
    name: str
    origins: Sequence[str]


def relying_party(settings: "Settings") -> RelyingParty:
    """Return the relying party of a service.

    Its pages are those that links in mails lead to, and those of CORS_ORIGINS in its domain. Raises
    ValueError if the links lead out of AUTH_PASSKEY_DOMAIN.
    """
    links = urlsplit(settings.mail_links_url or DEVELOPMENT_LINKS_URL)
    domain = settings.auth_passkey_domain or links.hostname or ""
    if not is_page_of(links, domain):
        raise ValueError("must be the host of MAIL_LINKS_URL or a domain above it")
    # Settings of kit/settings.py.
    name = str(getattr(settings, "service_name", "service"))
    allowed: Sequence[str] = getattr(settings, "cors_origins", ())
    origins = {origin_of(links)}
    for url in allowed:
        page = urlsplit(url)
        if is_page_of(page, domain):
            origins.add(origin_of(page))
    return RelyingParty(domain, name, sorted(origins))


def is_page_of(page: SplitResult, domain: str) -> bool:
    """Return whether a page is in a domain, and cannot be changed on the way to the browser."""
    host = page.hostname or ""
    is_safe = page.scheme == "https" or is_loopback(host)
    return is_safe and (host == domain or host.endswith(f".{domain}"))


def origin_of(page: SplitResult) -> str:
    """Return the origin as browsers write it."""
    host = page.netloc.lower().removesuffix(DEFAULT_PORTS.get(page.scheme, ""))
    return f"{page.scheme}://{host}"
