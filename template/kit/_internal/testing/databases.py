"""Creates and migrates throwaway databases, never the one in DATABASE_URL."""

from contextlib import AbstractContextManager

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL

from kit._internal.database import load_testing_dialect
from kit._internal.migrations.guards import THROWAWAY
from kit._internal.testing.rows import fill_in
from kit.project import PROJECT_DIR


def create_database(beside: URL, template: URL | None = None) -> AbstractContextManager[URL]:
    """Create a database on the same server, empty or copied; yield its URL."""
    return load_testing_dialect().create_database(beside, template)


def alembic_config(section: str = "alembic") -> Config:
    """Return the configuration of a section of alembic.ini, for throwaway databases.

    There, guards of kit.revisions change rows instead of requiring a backfill.
    """
    attributes = {THROWAWAY: fill_in}
    return Config(PROJECT_DIR / "alembic.ini", ini_section=section, attributes=attributes)


def text_of(url: URL) -> str:
    """Return a URL with its password, for an environment variable."""
    return url.render_as_string(hide_password=False)


def upgrade(url: URL, revision: str = "head") -> None:
    """Migrate a database like `make db-migrate`; raise CommandError if that fails."""
    migrate(url, "DATABASE_URL", "alembic", revision)


def migrate(url: URL, variable: str, section: str, revision: str = "head") -> None:
    """Set the variable to this URL and migrate with a section of alembic.ini."""
    with pytest.MonkeyPatch.context() as patch:
        # Settings require DATABASE_URL; for another variable, nothing connects to it.
        for name in ("DATABASE_URL", variable):
            patch.setenv(name, text_of(url))
        command.upgrade(alembic_config(section), revision)


def downgrade(url: URL, revision: str) -> None:
    """Roll back to a revision like `make db-rollback`; `base` is the empty database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", text_of(url))
        command.downgrade(alembic_config(), revision)
