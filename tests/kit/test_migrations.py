from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, CheckConstraint, Column, Connection, DefaultClause, text

from app.models import Base
from tests.kit.databases import refusing
from tests.kit.support import settings_for
from kit.db import Database
from kit.testing import alembic_config, create_database
from kit.testing.checks import assert_rows_kept

SCRIPTS = ScriptDirectory.from_config(alembic_config())


def plain_column() -> Column[Any]:
    """Return a column of a model that the database has no default for."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if not column.primary_key and column.server_default is None:
                return column
    raise AssertionError("every column has a default")


def test_default_that_the_database_lacks_is_noticed(
    own_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", own_url.render_as_string(hide_password=False))
    monkeypatch.setattr(plain_column(), "server_default", DefaultClause(text("'x'")))
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


def test_lost_rows_are_noticed() -> None:
    """A database with a single revision has no rows to lose yet."""
    assert_rows_kept({"users": 1, "dropped": 1}, {"users": 1, "new": 0})
    with pytest.raises(AssertionError, match="deletes rows of users"):
        assert_rows_kept({"users": 1}, {"users": 0})


async def run(url: URL, function: Callable[[Connection], Any]) -> Any:  # noqa: ANN401
    """Call a function with a connection of the application, and commit."""
    engine = Database.from_settings(settings_for(url)).write_engine
    async with engine.begin() as connection:
        result = await connection.run_sync(function)
    await engine.dispose()
    return result


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
