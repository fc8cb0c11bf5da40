"""Runs revisions on a connection, with the project's migrations/env.py."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any, Protocol

from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script
from sqlalchemy import URL, Connection, inspect

from scripts.project import SETTINGS, add_sources
from scripts.rehearse.pending import heads_of_base
from scripts.rehearse.report import Statement
from scripts.rehearse.request import refuse
from scripts.revisions import script_directory
from kit.project import PROJECT_DIR
from kit.settings import Settings, load


class Observer(Protocol):
    """Describes the statements that run while it is active."""

    is_active: bool
    statements: list[Statement]


def settings_for(url: URL) -> Settings:
    """Return the settings of the service for a copy."""
    add_sources()
    settings_class: type[Settings] = resolve_name(SETTINGS)
    address = url.render_as_string(hide_password=False)
    return load(settings_class, DATABASE_URL=address, MIGRATION_DATABASE_URL=address)


def create_config(connection: Connection) -> Config:
    """Return Alembic's configuration; guards of revisions treat the database as throwaway."""
    attributes = {"connection": connection, "throwaway": True}
    return Config(PROJECT_DIR / "alembic.ini", attributes=attributes)


def migrate(connection: Connection, revision: str) -> None:
    """Upgrade to a revision."""
    command.upgrade(create_config(connection), revision)
    connection.commit()


def stamp(connection: Connection, heads: Sequence[str]) -> None:
    """Record the revisions, which are rows, and so not part of a schema without rows."""
    context = MigrationContext.configure(connection)
    for head in heads:
        context.stamp(script_directory(), head)
    connection.commit()


def migrate_to_base(connection: Connection, base: str) -> tuple[str, ...]:
    """Upgrade to the newest revisions of the base branch, and return them."""
    heads = heads_of_base(base)
    for head in heads:
        migrate(connection, head)
    return heads


def heads_of_dump(connection: Connection, base: str) -> tuple[str, ...]:
    """Return the revisions that a restored dump has rows of.

    If it has none, those of the base branch, which are then recorded.
    """
    if not inspect(connection).has_table("alembic_version"):
        refuse("the dump has no table alembic_version: dump the whole schema")
    heads = MigrationContext.configure(connection).get_current_heads()
    if not heads:
        heads = heads_of_base(base)
        stamp(connection, heads)
    return heads


def run_revision(connection: Connection, script: Script, observer: Observer) -> list[Statement]:
    """Run a revision; return what its upgrade() has executed, without Alembic's own statements."""
    scripts = script_directory()
    observer.statements = []

    def steps(current: tuple[str, ...], _context: MigrationContext) -> list[RevisionStep]:
        # Alembic's own `upgrade` command calls it, too: there is no public function.
        return scripts._upgrade_revs(script.revision, current)  # type: ignore[arg-type] # noqa: SLF001

    with (
        observed(script, observer),
        EnvironmentContext(
            create_config(connection), scripts, fn=steps, destination_rev=script.revision
        ),
    ):
        scripts.run_env()
    connection.commit()
    return observer.statements


@contextmanager
def observed(script: Script, observer: Observer) -> Iterator[None]:
    """Activate the observer while the upgrade() of a revision runs."""
    module: Any = script.module
    upgrade = module.upgrade

    def observed_upgrade(**options: object) -> None:
        observer.is_active = True
        try:
            upgrade(**options)
        finally:
            observer.is_active = False

    module.upgrade = observed_upgrade
    try:
        yield
    finally:
        module.upgrade = upgrade
