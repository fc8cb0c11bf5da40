import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection

from kit.db import Database
from kit.testing import alembic_config, create_database
from tests.kit.databases import SECRET, refusing
from tests.kit.support import settings_for

SCRIPTS = ScriptDirectory.from_config(alembic_config())


async def run(url: URL, function: Callable[[Connection], Any]) -> Any:  # noqa: ANN401
    """Call a function with a connection of the application, and commit."""
    engine = Database.from_settings(settings_for(url)).engine
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
    assert SECRET not in "".join(traceback.format_exception(error.value))
