"""Throwaway databases: made by the migrations, and never the one that DATABASE_URL names."""

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL

from app.settings import PROJECT_DIR, Settings
from tests.{{ database }} import (
    BAD_URLS,
    GOOD_URLS,
    OUTAGES,
    SAME_DATABASE,
    SECRET,
    URLS,
    create_database,
    locate,
    refusing,
    run_server,
)

__all__ = [
    "BAD_URLS",
    "GOOD_URLS",
    "OUTAGES",
    "SAME_DATABASE",
    "SECRET",
    "URLS",
    "create_database",
    "locate",
    "refusing",
    "run_server",
]


def settings_for(url: URL | str) -> Settings:
    """Return settings that owe nothing to .env."""
    text = url.render_as_string(hide_password=False) if isinstance(url, URL) else url
    return Settings(_env_file=None, DATABASE_URL=text)


def alembic_config() -> Config:
    return Config(PROJECT_DIR / "alembic.ini")


def upgrade(url: URL, revision: str = "head") -> None:
    """Migrate as `make db-migrate` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
        command.upgrade(alembic_config(), revision)


def downgrade(url: URL, revision: str) -> None:
    """Go back as `make db-rollback` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
        command.downgrade(alembic_config(), revision)
