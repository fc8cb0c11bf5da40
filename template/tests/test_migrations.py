import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError, to_tuple
from sqlalchemy import URL, CheckConstraint, Connection, DefaultClause, text

from app.db import Database
from app.models import Base
from app.settings import PROJECT_DIR
from scripts.rebase import ADVICE
from tests.databases import (
    alembic_config,
    create_database,
    downgrade,
    refusing,
    settings_for,
    upgrade,
)
from tests.rows import add_rows, count_rows

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


def test_default_that_the_database_lacks_is_noticed(
    own_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", own_url.render_as_string(hide_password=False))
    columns = [column for table in Base.metadata.sorted_tables for column in table.columns]
    plain = next(one for one in columns if not one.primary_key and one.server_default is None)
    monkeypatch.setattr(plain, "server_default", DefaultClause(text("'x'")))
    with pytest.raises(CommandError, match="modify_default"):
        command.check(alembic_config())


def test_check_that_the_database_lacks_is_noticed(
    own_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", own_url.render_as_string(hide_password=False))
    table, check = Base.metadata.sorted_tables[0], CheckConstraint("1 = 1", name="of_a_test")
    table.append_constraint(check)
    try:
        with pytest.raises(CommandError, match="of_a_test"):
            command.check(alembic_config())
    finally:
        table.constraints.remove(check)


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
        before = await run(url, count_rows)
        upgrade(url, script.revision)
        assert_rows_kept(before, await run(url, count_rows))
        await run(url, add_rows)
        assert any((await run(url, count_rows)).values())
        downgrade(url, parents[0] if parents else "base")
        before = await run(url, count_rows)
        upgrade(url, script.revision)
        assert_rows_kept(before, await run(url, count_rows))


def assert_rows_kept(before: dict[str, int], after: dict[str, int]) -> None:
    """Compare the tables that are still there: dropping one is the revision's own business."""
    lost = {table: count for table, count in before.items() if after.get(table, count) != count}
    assert not lost, f"upgrade() has changed the number of rows: {before}, then {after}"


def test_lost_rows_are_noticed() -> None:
    """A database with a single revision has no rows to lose yet."""
    assert_rows_kept({"users": 1, "dropped": 1}, {"users": 1, "new": 0})
    with pytest.raises(AssertionError, match="number of rows"):
        assert_rows_kept({"users": 1}, {"users": 0})


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
    assert "\n" not in str(error.value)
