"""Which revisions were applied when, and from which text: what `make db-status` tells.

Alembic itself remembers the newest one only. A row is written in the transaction of its
revision; a database without the table, or without some rows, is in order.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from sqlalchemy.schema import CreateTable

from app.models.base import UTCDateTime

TABLE = "alembic_history"
history = sa.Table(
    TABLE,
    sa.MetaData(),
    sa.Column("revision", sa.String(32), primary_key=True),
    sa.Column("checksum", sa.String(64), nullable=False),
    sa.Column(
        "applied_at", UTCDateTime, server_default=sa.text("CURRENT_TIMESTAMP"), nullable=False
    ),
)


def checksum(path: str) -> str:
    """Return the SHA-256 of a revision's file, the same for either kind of line end."""
    return hashlib.sha256(Path(path).read_text("utf-8").encode()).hexdigest()


def read(connection: sa.Connection) -> dict[str, sa.Row[tuple[Any, ...]]]:
    """Return a row for each revision that has one."""
    if not sa.inspect(connection).has_table(TABLE):
        return {}
    return {row.revision: row for row in connection.execute(sa.select(history))}


def applied(script: ScriptDirectory) -> dict[str, sa.Row[tuple[Any, ...]] | None]:
    """Return the revisions that the database has, each with its row if there is one.

    Raises CommandError when the database does not answer.
    """
    found: list[Any] = []

    def look(heads: Iterable[str], context: MigrationContext) -> tuple[()]:
        found.extend([set(heads), read(context.connection) if context.connection else {}])
        return ()

    config = Config(attributes={"looking": True})
    with EnvironmentContext(config, script, fn=look, dont_mutate=True):
        script.run_env()
    heads, rows = found
    known = {one.revision for one in script.walk_revisions()}
    at = tuple(heads & known)
    steps = [one.revision for one in script.iterate_revisions(at, "base")] if at else []
    # What came before a revision that has no file cannot be told from the files.
    lost = rows if heads - known else rows.keys() - known
    return {revision: rows.get(revision) for revision in [*steps, *heads, *lost]}


class Recorder:
    """Writes the rows of one run of migrations: Alembic's `on_version_apply`."""

    def __init__(self) -> None:
        self.recorded: set[str] | None = None

    def __call__(
        self, ctx: MigrationContext, step: MigrationInfo, *_: object, **__: object
    ) -> None:
        if self.recorded is None:
            ctx.execute(CreateTable(history, if_not_exists=True))
            connection = None if ctx.as_sql else ctx.connection
            self.recorded = set(read(connection)) if connection else set()
        for revision in step.up_revision_ids:
            if not step.is_upgrade or revision in self.recorded:
                ctx.execute(sa.delete(history).where(history.c.revision == revision))
            if step.is_upgrade:
                path = context.script.get_revision(revision).path
                row = {"revision": revision, "checksum": checksum(path)}
                ctx.execute(sa.insert(history).values(row))
