"""Creates what verifies access tokens, when the service starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit._internal.auth.interface import Authenticator
    from kit._internal.auth.oidc.settings import Settings


def create_authenticator(settings: Settings) -> Authenticator | None:
    """Return what verifies access tokens."""
    # Imported here: joserfc and httpx2 are needed by services, not by migrations and commands.
    from kit._internal.auth.oidc.authenticator import OidcAuthenticator  # noqa: PLC0415

    return OidcAuthenticator(settings)


def add_tables(_metadata: object, _settings_class: object) -> None:
    """Add nothing: no table is needed."""
