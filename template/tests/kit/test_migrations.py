import subprocess
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError, to_tuple
from sqlalchemy import URL, Connection

from app.models import Base
from kit.db import Database
from kit.project import PROJECT_DIR
from kit.testing import alembic_config, create_database, downgrade, upgrade
from kit.testing.rows import add_rows, count_rows
from scripts.rebase import ADVICE
from tests.kit.databases import SECRET, refusing
from tests.kit.support import settings_for

SCRIPTS = ScriptDirectory.from_config(alembic_config())
REVISIONS = {Path(script.path).stem: script for script in SCRIPTS.walk_revisions()}


def test_there_is_one_head() -> None:
    heads = SCRIPTS.get_heads()
    assert len(heads) == 1, f"{' and '.join(sorted(heads))} come last. {ADVICE}"


def test_models_package_knows_every_table() -> None:
    for file in (PROJECT_DIR / "app").rglob("*.py"):
        import_module(".".join(file.relative_to(PROJECT_DIR).with_suffix("").parts))
    # What migrations know: they import nothing else of the application.
    python = [sys.executable, "-c", "from app.models import Base; print(*Base.metadata.tables)"]
    known = subprocess.check_output(python, cwd=PROJECT_DIR, text=True).split()
    forgotten = sorted(Base.metadata.tables.keys() - set(known))
    assert not forgotten, (
        f"app/models/__init__.py has to import the models of {', '.join(forgotten)}:"
        " the next revision would drop what it does not know"
    )


def test_models_equal_the_migrated_database(own_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", own_url.render_as_string(hide_password=False))
    command.check(alembic_config())


async def run(url: URL, function: Callable[[Connection], Any]) -> Any:  # noqa: ANN401
    """Call a function with a connection of the application, and commit."""
    engine = Database.from_settings(settings_for(url)).engine
    async with engine.begin() as connection:
        result = await connection.run_sync(function)
    await engine.dispose()
    return result


@pytest.mark.parametrize("name", sorted(REVISIONS))
async def test_revision_goes_up_down_and_up_with_rows(server: URL, name: str) -> None:
    script = REVISIONS[name]
    parents = to_tuple(script.down_revision, default=())
    with create_database(server) as url:
        for parent in parents:
            upgrade(url, parent)
        await run(url, add_rows)
        await upgrade_keeps_rows(url, script.revision)
        await run(url, add_rows)
        assert any((await run(url, count_rows)).values())
        downgrade(url, parents[0] if parents else "base")
        await upgrade_keeps_rows(url, script.revision)


async def upgrade_keeps_rows(url: URL, revision: str) -> None:
    before = await run(url, count_rows)
    upgrade(url, revision)
    after = await run(url, count_rows)
    assert {table: after.get(table, count) for table, count in before.items()} == before


async def test_migrates_on_a_connection_in_a_running_loop(server: URL) -> None:
    def upgrade_on(connection: Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    def heads(connection: Connection) -> tuple[str, ...]:
        return MigrationContext.configure(connection).get_current_heads()

    with create_database(server) as url:
        await run(url, upgrade_on)
        assert list(await run(url, heads)) == SCRIPTS.get_heads()


def test_unreachable_database_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing(tmp_path) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        with pytest.raises(CommandError, match=r"^cannot ") as error:
            command.upgrade(alembic_config(), "head")
    assert SECRET not in "".join(traceback.format_exception(error.value))
