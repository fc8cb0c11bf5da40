"""The revisions of this project: their files, and which of them the database has."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from alembic import context
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Row, inspect, select

from kit._internal.migrations.history import TABLE, checksum, history
from kit.project import PROJECT_DIR

# By revision; the row of the history is None for one that was applied without writing it.
Applied = Mapping[str, Row[tuple[Any, ...]] | None]


@cache
def script_directory() -> ScriptDirectory:
    return ScriptDirectory.from_config(Config(PROJECT_DIR / "alembic.ini"))


def versions_folder() -> Path:
    return Path(script_directory().versions)


def newest_first() -> list[Script]:
    return list(script_directory().walk_revisions())


def oldest_first() -> list[Script]:
    return newest_first()[::-1]


def read_applied() -> Applied:
    """Return the revisions that the database has; end with a line when it does not answer."""
    heads: set[str] = set()
    rows: dict[str, Row[tuple[Any, ...]]] = {}

    def read(current: tuple[str, ...], _context: object) -> tuple[()]:
        heads.update(current)
        connection = context.get_bind()
        if inspect(connection).has_table(TABLE):
            for row in connection.execute(select(history)):
                rows[row.revision] = row
        return ()

    scripts = script_directory()
    config = Config(attributes={"read_only": True})
    try:
        with EnvironmentContext(config, scripts, fn=read, dont_mutate=True):
            scripts.run_env()
    except CommandError as error:
        raise SystemExit(str(error)) from None
    known = {script.revision for script in scripts.walk_revisions()}
    behind = scripts.iterate_revisions(tuple(heads & known), "base")
    revisions = heads | {script.revision for script in behind}
    if heads - known:
        # What came before a revision that has no file cannot be seen in the files.
        revisions |= rows.keys()
    else:
        revisions |= rows.keys() - known
    return {revision: rows.get(revision) for revision in revisions}


def state_of(revision: str, script: Script | None, applied: Applied) -> str:
    """Return "applied", "pending", "changed" (since it was applied) or "missing" (its file)."""
    if script is None:
        return "missing"
    row = applied.get(revision)
    if row is not None and row.checksum != checksum(script.path):
        return "changed"
    return "applied" if revision in applied else "pending"
