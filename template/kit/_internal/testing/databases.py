"""Throwaway databases: made by the migrations, and never the one that DATABASE_URL names."""

from contextlib import AbstractContextManager

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL

from kit._internal.database import load_testing_dialect
from kit.project import PROJECT_DIR


def create_database(beside: URL, template: URL | None = None) -> AbstractContextManager[URL]:
    """Yield a new database on the same server: empty, or a copy of one that nobody uses."""
    return load_testing_dialect().create_database(beside, template)


def alembic_config(section: str = "alembic") -> Config:
    """Return alembic.ini, of which this section counts."""
    return Config(PROJECT_DIR / "alembic.ini", ini_section=section)


def text_of(url: URL) -> str:
    """Return a URL as a variable has it, with its password."""
    return url.render_as_string(hide_password=False)


def upgrade(url: URL, revision: str = "head") -> None:
    """Migrate a database as `make db-migrate` does; raise CommandError where that fails."""
    migrate(url, "DATABASE_URL", "alembic", revision)


def migrate(url: URL, variable: str, section: str, revision: str = "head") -> None:
    """Migrate the database that a variable names, with a section of alembic.ini."""
    with pytest.MonkeyPatch.context() as patch:
        # Settings are not complete without the first; with `url` nothing connects to it.
        for name in ("DATABASE_URL", variable):
            patch.setenv(name, text_of(url))
        command.upgrade(alembic_config(section), revision)


def downgrade(url: URL, revision: str) -> None:
    """Roll back to a revision as `make db-rollback` does; `base` is the empty database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", text_of(url))
        command.downgrade(alembic_config(), revision)
