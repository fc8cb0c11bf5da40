"""Creates nothing: clients are not authenticated."""

from kit._internal.auth.interface import Authenticator
from kit._internal.auth.none.settings import Settings


def create_authenticator(_settings: Settings) -> Authenticator | None:
    """Return None: clients are not authenticated."""
    return None


def add_tables(_metadata: object, _settings_class: object) -> None:
    """Add nothing: no table is needed."""
