"""Checks of revisions and models that every service should pass.

tests/test_checks.py imports them all; `del test_...` there leaves one out.
"""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import Script, ScriptDirectory
from alembic.util import to_tuple
from sqlalchemy import URL, Connection

from kit.project import PROJECT_DIR
from kit.testing.databases import alembic_config, create_database, downgrade, upgrade
from kit.testing.rows import add_rows, count_rows
from kit.testing.schema import load_target_metadata
from kit.testing.service import TestedService

__all__ = [
    "test_migrations_know_every_table",
    "test_models_equal_the_migrated_database",
    "test_revision_goes_up_down_and_up_with_rows",
    "test_there_is_one_head",
]

Service = TestedService[Any]


def test_there_is_one_head() -> None:
    heads = ScriptDirectory.from_config(alembic_config()).get_heads()
    assert len(heads) == 1, (
        f"{' and '.join(sorted(heads))} come last. `make db-rebase` puts those of this branch last."
        " If others have applied one, `alembic merge heads` adds a revision that follows both."
    )


def test_migrations_know_every_table(
    service: Service, server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = service.settings_class.__module__.partition(".")[0]
    import_all(package)
    monkeypatch.setenv("DATABASE_URL", server.render_as_string(hide_password=False))
    python = [sys.executable, "-m", "kit.testing.schema"]
    known = subprocess.check_output(python, cwd=PROJECT_DIR, text=True).split()
    forgotten = sorted(load_target_metadata().tables.keys() - set(known))
    assert not forgotten, (
        f"{package}/models/__init__.py has to import the models of {', '.join(forgotten)}:"
        " the next revision would drop what it does not know"
    )


def import_all(package: str) -> None:
    """Import every module of a package, and so every model."""
    spec = find_spec(package)
    for folder in map(Path, spec.submodule_search_locations or () if spec else ()):
        for file in folder.rglob("*.py"):
            name = ".".join(file.relative_to(folder.parent).with_suffix("").parts)
            import_module(name.removesuffix(".__init__"))


def test_models_equal_the_migrated_database(own_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", own_url.render_as_string(hide_password=False))
    command.check(alembic_config())


async def test_revision_goes_up_down_and_up_with_rows(
    service: Service, server: URL, kit_revision: Script
) -> None:
    parents = to_tuple(kit_revision.down_revision, default=())
    with create_database(server) as url:
        for parent in parents:
            upgrade(url, parent)
        await run(service, url, add_rows)
        await upgrade_keeps_rows(service, url, kit_revision.revision)
        await run(service, url, add_rows)
        assert any((await run(service, url, count_rows)).values())
        downgrade(url, parents[0] if parents else "base")
        await upgrade_keeps_rows(service, url, kit_revision.revision)


async def upgrade_keeps_rows(service: Service, url: URL, revision: str) -> None:
    before = await run(service, url, count_rows)
    upgrade(url, revision)
    after = await run(service, url, count_rows)
    assert {table: after.get(table, count) for table, count in before.items()} == before


async def run(service: Service, url: URL, function: Callable[[Connection], Any]) -> Any:  # noqa: ANN401
    """Call a function with a connection of the service, and commit."""
    engine = service.open_database(service.settings_for(url)).engine
    async with engine.begin() as connection:
        result = await connection.run_sync(function)
    await engine.dispose()
    return result
