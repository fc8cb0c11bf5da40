"""Which revisions were applied when, and from which text: what `make db-status` tells.

Alembic itself remembers the newest one only. A row is written in the transaction of its
revision; a database without the table, or without some rows, is in order.
"""

import hashlib
from pathlib import Path
from typing import Any

from alembic import context
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Column, MetaData, Row, String, Table, delete, insert, inspect, select, text
from sqlalchemy.schema import CreateTable

from app.models.base import UTCDateTime
from app.settings import PROJECT_DIR

SCRIPTS = ScriptDirectory.from_config(Config(PROJECT_DIR / "alembic.ini"))
TABLE = "alembic_history"
history = Table(
    TABLE,
    MetaData(),
    Column("revision", String(32), primary_key=True),
    Column("checksum", String(64), nullable=False),
    Column("applied_at", UTCDateTime, server_default=text("CURRENT_TIMESTAMP"), nullable=False),
)


def checksum(path: str) -> str:
    """Return the SHA-256 of a revision's file, the same for either kind of line end."""
    return hashlib.sha256(Path(path).read_text("utf-8").encode()).hexdigest()


def applied() -> dict[str, Row[tuple[Any, ...]] | None]:
    """Return the revisions that the database has, each with its row if there is one.

    Ends with a line when the database does not answer.
    """
    heads: set[str] = set()
    rows: dict[str, Row[tuple[Any, ...]]] = {}

    def look(found: tuple[str, ...], _context: object) -> tuple[()]:
        heads.update(found)
        connection = context.get_bind()
        if inspect(connection).has_table(TABLE):
            rows.update((row.revision, row) for row in connection.execute(select(history)))
        return ()

    config = Config(attributes={"looking": True})
    try:
        with EnvironmentContext(config, SCRIPTS, fn=look, dont_mutate=True):
            SCRIPTS.run_env()
    except CommandError as error:
        raise SystemExit(str(error)) from None
    known = {one.revision for one in SCRIPTS.walk_revisions()}
    steps = {one.revision for one in SCRIPTS.iterate_revisions(tuple(heads & known), "base")}
    # What came before a revision that has no file cannot be told from the files.
    lost = rows.keys() if heads - known else rows.keys() - known
    return {revision: rows.get(revision) for revision in steps | heads | lost}


def record(ctx: MigrationContext, step: MigrationInfo, *_: object, **__: object) -> None:
    """Write or delete the row of a revision, in its transaction: Alembic's `on_version_apply`."""
    if TABLE not in ctx.impl.memo:
        ctx.execute(CreateTable(history, if_not_exists=True))
        ctx.impl.memo[TABLE] = "is there"
    for revision in step.up_revision_ids:
        # There is one already where it was taken back by a release that kept no history.
        ctx.execute(delete(history).where(history.c.revision == revision))
        if step.is_upgrade:
            path = context.script.get_revision(revision).path
            ctx.execute(insert(history).values(revision=revision, checksum=checksum(path)))
