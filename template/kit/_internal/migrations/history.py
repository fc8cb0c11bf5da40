"""Records when each revision was applied, and its checksum, for `make db-status`.

Alembic itself stores only the current revision. The row is written in the transaction of its
revision. The table or some rows may be missing: earlier releases did not write them.
"""

import hashlib
from pathlib import Path

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Column, MetaData, String, Table, delete, text
from sqlalchemy.schema import CreateTable

from kit.models import UTCDateTime

TABLE = "alembic_history"
# The row already exists if a release without this table rolled the revision back.
UPSERT = text(
    "INSERT INTO alembic_history (revision, checksum) VALUES (:revision, :checksum) ON CONFLICT"
    " (revision) DO UPDATE SET checksum = excluded.checksum, applied_at = excluded.applied_at"
)


def create_table(metadata: MetaData) -> Table:
    """Return the table, with constraint names by the convention of the models' metadata."""
    return Table(
        TABLE,
        MetaData(naming_convention=metadata.naming_convention),
        Column("revision", String(32), primary_key=True),
        Column("checksum", String(64), nullable=False),
        Column("applied_at", UTCDateTime, server_default=text("CURRENT_TIMESTAMP"), nullable=False),
    )


# For queries, where names of constraints do not matter.
history = create_table(MetaData())


def checksum(path: str) -> str:
    """Return the SHA-256 of a revision's file, independent of line endings."""
    text = Path(path).read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return hashlib.sha256(text).hexdigest()


def record_step(ctx: MigrationContext, step: MigrationInfo, *_: object, **__: object) -> None:
    """Write or delete the row of a revision: Alembic's `on_version_apply`."""
    if TABLE not in ctx.impl.memo:
        table = create_table(ctx.opts["target_metadata"])
        ctx.execute(CreateTable(table, if_not_exists=True))
        ctx.impl.memo[TABLE] = "exists"
    for revision in step.up_revision_ids:
        if not step.is_upgrade:
            ctx.execute(delete(history).where(history.c.revision == revision))
            continue
        text = checksum(context.script.get_revision(revision).path)
        if ctx.as_sql:
            ctx.execute(UPSERT.bindparams(revision=revision, checksum=text))
        else:
            context.get_bind().execute(UPSERT, {"revision": revision, "checksum": text})
