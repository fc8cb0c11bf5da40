from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, CheckConstraint, Column, Connection, DefaultClause, text

from app.models import Base
from tests.kit.databases import refusing
from tests.kit.support import settings_for
from kit.db import Database
from kit.project import PROJECT_DIR
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

    with create_database(server) as url:
        await run(url, upgrade_on)
        assert await run(url, current_heads) == SCRIPTS.get_heads()


def current_heads(connection: Connection) -> list[str]:
    return list(MigrationContext.configure(connection).get_current_heads())


async def test_migrates_the_database_of_the_caller(server: URL) -> None:
    """As fixtures of other projects do; DATABASE_URL is not needed."""
    with create_database(server) as url:
        config = alembic_config()
        text = url.render_as_string(hide_password=False)
        config.set_main_option("sqlalchemy.url", text.replace("%", "%%"))
        command.upgrade(config, "head")
        assert await run(url, current_heads) == SCRIPTS.get_heads()


async def test_callers_url_comes_before_that_of_the_environment(
    server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create_database(server) as url, create_database(server) as other:
        for name in ("DATABASE_URL", "MIGRATION_DATABASE_URL"):
            monkeypatch.setenv(name, other.render_as_string(hide_password=False))
        config = alembic_config()
        text = url.render_as_string(hide_password=False)
        config.set_main_option("sqlalchemy.url", text.replace("%", "%%"))
        command.upgrade(config, "head")
        assert await run(url, current_heads) == SCRIPTS.get_heads()
        assert await run(other, current_heads) == []


async def test_url_in_the_file_is_not_used(
    server: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be what `alembic init` has written, or the database in use."""
    file = tmp_path / "alembic.ini"
    folder = PROJECT_DIR / "migrations"
    file.write_text(
        f"[alembic]\nscript_location = {folder}\nsqlalchemy.url = driver://user:pass@localhost/x\n",
        "utf-8",
    )
    with create_database(server) as url:
        monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
        command.upgrade(Config(file), "head")
        assert await run(url, current_heads) == SCRIPTS.get_heads()


def test_unusable_url_of_the_caller_is_refused() -> None:
    config = alembic_config()
    config.set_main_option("sqlalchemy.url", "oracle://db")
    with pytest.raises(SystemExit, match=r"^DATABASE_URL: "):
        command.upgrade(config, "head")


def test_unreachable_database_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing(tmp_path) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        with pytest.raises(CommandError, match=r"^cannot ") as error:
            command.upgrade(alembic_config(), "head")
    assert "\n" not in str(error.value)
