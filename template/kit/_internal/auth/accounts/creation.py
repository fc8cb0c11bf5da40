"""Creates what authenticates users, when the service starts, and adds its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from kit._internal.auth.accounts.settings import Settings
    from kit._internal.auth.interface import Authenticator


def create_authenticator(settings: Settings) -> Authenticator | None:
    """Return what authenticates users by their session or their API key."""
    # Imported here: argon2 and aiosmtplib are needed by services, not by migrations and commands.
    from kit._internal.auth.accounts.authenticator import AccountsAuthenticator  # noqa: PLC0415
    from kit._internal.auth.accounts.routes.router import router  # noqa: PLC0415

    return AccountsAuthenticator(settings, [router])


def add_tables(metadata: MetaData, settings_class: type[Settings]) -> None:
    """Add the tables of accounts to those of the project."""
    from kit._internal.auth.accounts import tables  # noqa: PLC0415

    users, prefix = settings_class.auth_users_table, settings_class.auth_tables_prefix
    tables.add_tables(metadata, users, prefix)
