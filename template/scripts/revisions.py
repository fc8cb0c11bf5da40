"""The revisions of this project: their files, and which are applied."""

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

HistoryRow = Row[tuple[Any, ...]]
# Rows of the history by revision; None for a revision that was applied without a row.
Applied = Mapping[str, HistoryRow | None]


@cache
def script_directory() -> ScriptDirectory:
    return ScriptDirectory.from_config(Config(PROJECT_DIR / "alembic.ini"))


def versions_folder() -> Path:
    return Path(script_directory().versions)


def newest_first() -> list[Script]:
    return list(script_directory().walk_revisions())


def revisions_in_files() -> set[str]:
    return {script.revision for script in newest_first()}


def oldest_first() -> list[Script]:
    return newest_first()[::-1]


def read_applied() -> Applied:
    """Return the applied revisions; exit with a message if the database does not answer."""
    scripts = script_directory()
    heads, rows = read_database(scripts)
    known = revisions_in_files()
    revisions = set(heads)
    for script in scripts.iterate_revisions(tuple(heads & known), "base"):
        revisions.add(script.revision)
    if heads <= known:
        revisions |= rows.keys() - known
    else:
        # The files do not show what preceded a revision that has no file.
        revisions |= rows.keys()
    return {revision: rows.get(revision) for revision in revisions}


def read_database(scripts: ScriptDirectory) -> tuple[set[str], dict[str, HistoryRow]]:
    """Return the current revisions, and the rows of the history by revision."""
    heads: set[str] = set()
    rows: dict[str, HistoryRow] = {}

    # Alembic connects by env.py, and calls this function instead of running revisions.
    def read(current: tuple[str, ...], _context: object) -> tuple[()]:
        heads.update(current)
        connection = context.get_bind()
        if inspect(connection).has_table(TABLE):
            for row in connection.execute(select(history)):
                rows[row.revision] = row
        return ()

    config = Config(attributes={"read_only": True})
    try:
        with EnvironmentContext(config, scripts, fn=read, dont_mutate=True):
            scripts.run_env()
    except CommandError as error:
        raise SystemExit(str(error)) from None
    return heads, rows


def state_of(script: Script, applied: Applied) -> str:
    """Return "applied", "pending", or "changed" if the file differs since it was applied."""
    row = applied.get(script.revision)
    if row is not None and row.checksum != checksum(script.path):
        return "changed"
    if script.revision in applied:
        return "applied"
    return "pending"


def format_time(row: HistoryRow | None) -> str:
    """Return when a revision was applied, in UTC; an empty string if unknown."""
    if row is None:
        return ""
    return f"{row.applied_at:%Y-%m-%d %H:%M:%S}"
