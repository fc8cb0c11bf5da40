"""Passkeys are for the domain of the service, and pages in it."""

import pytest

from kit._internal.auth.accounts.relying_party import RelyingParty, relying_party
from kit._internal.auth.accounts.settings import Settings


def party_of(
    links: str | None, domain: str | None = None, origins: tuple[str, ...] = ()
) -> RelyingParty:
    settings = Settings(mail_links_url=links, auth_passkey_domain=domain)
    object.__setattr__(settings, "cors_origins", origins)
    return relying_party(settings)


def test_passkeys_are_for_the_host_of_the_links() -> None:
    party = party_of("https://App.example.com:443/start")
    assert party.id == "app.example.com"
    assert party.origins == ["https://app.example.com"]


def test_pages_of_the_domain_may_use_passkeys() -> None:
    pages = (
        "https://admin.example.com:8443",
        "http://example.com",
        "https://evilexample.com",
        "https://example.com.evil.example",
        "*",
    )
    party = party_of("https://app.example.com", "example.com", pages)
    assert party.id == "example.com"
    assert party.origins == ["https://admin.example.com:8443", "https://app.example.com"]


def test_passkeys_work_in_development() -> None:
    party = party_of(None, origins=("http://localhost:5173",))
    assert party.id == "localhost"
    assert party.origins == ["http://localhost:5173", "http://localhost:8000"]


@pytest.mark.parametrize("domain", ["ample.com", "other.example", "www.app.example.com"])
def test_domain_without_the_links_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match="must be the host of MAIL_LINKS_URL"):
        party_of("https://app.example.com", domain)
