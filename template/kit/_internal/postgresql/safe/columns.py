"""Plans new and changed columns."""

import re
from typing import Any

from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    DropColumnOp,
    MigrateOperation,
)
from sqlalchemy import Column, Computed, Identity, MetaData, text

from kit._internal.postgresql.safe.chain import Change, Part, Phase
from kit._internal.postgresql.safe.not_null import (
    NotNull,
    alter,
    command,
    fill,
    require_backfill,
)
from kit._internal.postgresql.safe.operations import CommentOp
from kit._internal.postgresql.safe.types import plan_type

# The functions of an expression, behind a text or a name in quotes.
FUNCTION = re.compile(r"""'(?:[^']|'')*'|(\w+|"(?:[^"]|"")+")\s*\(""")
VOLATILE = text(
    "SELECT EXISTS (SELECT FROM pg_proc WHERE provolatile = 'v' AND proname = ANY(:names))"
)
ALLOW_DROP = CommentOp(
    "db-lint: allow ban-drop-default: it waits for the release that sets a value"
)
ALLOW_NULL = CommentOp("db-lint: allow ban-drop-default: without a value, the column is NULL")
ALLOW_VIRTUAL = CommentOp(
    "db-lint: allow adding-field-with-default: a virtual column is not stored"
)


def plan_column(change: Change) -> list[Part] | None:
    """Return the parts of a new or changed column; None for other changes."""
    if isinstance(change.op, AddColumnOp):
        return plan_new(change, change.op.column)
    if isinstance(change.op, AlterColumnOp):
        return plan_altered(change, change.op)
    return None


def plan_new(change: Change, column: Column[Any]) -> list[Part]:
    """Return the parts of a new column."""
    if rewrites(column):
        return [plan_rewriting(change, column)]
    if has_volatile_default(change, column):
        return plan_volatile(change, column)
    if not column.nullable and column.server_default is None:
        return plan_required(change, column)
    reason = (
        f"ADD COLUMN takes ACCESS EXCLUSIVE on {change.table} for a moment: a column without"
        " default, or whose default is the same for all rows, is only added to the catalogue."
    )
    added = add_column(change, column, reason)
    if column.computed is not None:
        added.upgrade.insert(0, ALLOW_VIRTUAL)
    return [added]


def rewrites(column: Column[Any]) -> bool:
    """Return whether PostgreSQL writes a value into each row, whatever the default is."""
    if column.computed is not None:
        return column.computed.persisted is not False
    return column.identity is not None


def plan_rewriting(change: Change, column: Column[Any]) -> Part:
    kind = "a stored generated column"
    if column.identity is not None:
        kind = "an identity column"
    reason = (
        f"Not safe: {kind} rewrites {change.table} under ACCESS EXCLUSIVE, so that no query reads"
        " or writes, and PostgreSQL has no other way to add it. Stop the service for it, or use a"
        " default with a function, which is added without a rewrite."
    )
    return add_column(change, column, reason)


def has_volatile_default(change: Change, column: Column[Any]) -> bool:
    """Return whether the default has a function whose value differs from row to row."""
    default = default_sql(change, column)
    connection = change.context.connection
    if default is None or connection is None:
        return False
    names = [name.strip('"') for name in FUNCTION.findall(default) if name]
    return bool(connection.scalar(VOLATILE, {"names": names}))


def default_sql(change: Change, column: Column[Any]) -> str | None:
    """Return the SQL of the server default of a column."""
    compiler: Any = change.context.dialect.ddl_compiler(change.context.dialect, None)  # type: ignore[arg-type]
    default: str | None = compiler.get_column_default_string(column)
    return default


def plan_volatile(change: Change, column: Column[Any]) -> list[Part]:
    """Return the parts of a column with a default such as gen_random_uuid()."""
    guard = fill(change, column)
    set_default = AlterColumnOp(
        change.table,
        column.name,
        schema=change.schema,
        existing_type=column.type,
        modify_server_default=column.server_default,
    )
    reason = (
        f"ADD COLUMN with a default that differs from row to row rewrites {change.table} under"
        " ACCESS EXCLUSIVE. So the column is added without it, and new rows get the default from"
        " now on, also those of the running release: ACCESS EXCLUSIVE for a moment. Fill the other"
        f" rows before the new release reads them: {command(guard)}"
    )
    added = add_column(change, bare(column), reason)
    added.upgrade.append(set_default)
    if column.nullable:
        return [added]
    waiting = f"Every row has {column.name} after the backfill, as new rows get the default."
    return [added, *NotNull(change, column.name, column.type, [guard], waiting).parts()]


def plan_required(change: Change, column: Column[Any]) -> list[Part]:
    """Return the parts of a column that is NOT NULL and has no default."""
    guard = fill(change, column)
    reason = (
        f"The running release inserts into {change.table} without {column.name}, so it may be NULL"
        " until the rollout is over. ADD COLUMN takes ACCESS EXCLUSIVE for a moment. The new"
        f" release may read NULL until the rows are filled: {command(guard)}"
    )
    waiting = f"It waits: until the rollout is over, rows without {column.name} are inserted."
    not_null = NotNull(change, column.name, column.type, [guard], waiting)
    return [add_column(change, bare(column), reason), *not_null.parts()]


def bare(column: Column[Any]) -> Column[Any]:
    """Return a column that is nullable and has no default."""
    return Column(column.name, column.type, nullable=True, comment=column.comment)


def add_column(change: Change, column: Column[Any], reason: str) -> Part:
    upgrade: list[MigrateOperation] = [AddColumnOp(change.table, column, schema=change.schema)]
    downgrade: list[MigrateOperation] = [
        DropColumnOp(change.table, column.name, schema=change.schema)
    ]
    return Part(Phase.EXPAND, f"add {column.name}", upgrade, downgrade, [reason])


def plan_altered(change: Change, op: AlterColumnOp) -> list[Part] | None:
    """Return the parts of a changed column; None if only PostgreSQL knows what it costs."""
    column = find_column(change, op.column_name)
    generated = (op.existing_server_default, op.modify_server_default)
    if column is None or any(isinstance(item, Computed | Identity) for item in generated):
        return None
    parts: list[Part] = []
    if op.modify_type is not None:
        parts = plan_type(change, op, column)
        if any(part.phase == Phase.SWAP for part in parts):
            return parts
    if op.modify_server_default is not False:
        parts.append(plan_default(change, op, column))
    if op.modify_comment is not False:
        parts.append(plan_comment(change, op))
    if op.modify_nullable:
        parts.append(plan_nullable(change, op))
    if op.modify_nullable is False:
        waiting = f"It waits: until the rollout is over, {op.column_name} may be set to NULL."
        guards = [fill(change, column)]
        kind = op.modify_type or op.existing_type or column.type
        parts += NotNull(change, op.column_name, kind, guards, waiting).parts()
    return parts


def find_column(change: Change, name: str) -> Column[Any] | None:
    """Return the column of the models."""
    models: MetaData = change.context.opts["target_metadata"]
    key = change.table
    if change.schema is not None:
        key = f"{change.schema}.{change.table}"
    for column in models.tables[key].columns:
        if column.name == name:
            return column
    return None


def plan_default(change: Change, op: AlterColumnOp, column: Column[Any]) -> Part:
    """Return the part of a changed default; one that is dropped waits for the rollout."""
    former = op.existing_server_default
    set_default = AlterColumnOp(
        op.table_name,
        op.column_name,
        schema=op.schema,
        existing_type=op.modify_type or op.existing_type,
        existing_nullable=op.existing_nullable,
        existing_server_default=former,
        modify_server_default=op.modify_server_default,
    )
    reset = set_default.reverse()
    if op.modify_server_default is not None or column.nullable:
        reason = (
            f"SET DEFAULT takes ACCESS EXCLUSIVE on {change.table} for a moment: it concerns rows"
            " that are inserted from now on, and reads none."
        )
        title = f"change the default of {op.column_name}"
        upgrade: list[MigrateOperation] = [set_default]
        if op.modify_server_default is None:
            upgrade.insert(0, ALLOW_NULL)
        return Part(Phase.EXPAND, title, upgrade, [reset], [reason])
    name = change.quote(op.column_name)
    value = getattr(getattr(former, "arg", None), "text", "...")
    guard = require_backfill(change, set=f"{name} = {value}", where=f"{name} IS NULL")
    reason = (
        f"It waits: until the rollout is over, the running release inserts rows without {name},"
        f" which is NOT NULL. DROP DEFAULT takes ACCESS EXCLUSIVE on {change.table} for a moment."
    )
    title = f"drop the default of {op.column_name}"
    return Part(Phase.CONTRACT, title, [guard, ALLOW_DROP, set_default], [reset], [reason])


def plan_comment(change: Change, op: AlterColumnOp) -> Part:
    comment = AlterColumnOp(
        op.table_name,
        op.column_name,
        schema=op.schema,
        existing_type=op.modify_type or op.existing_type,
        existing_nullable=op.existing_nullable,
        existing_comment=op.existing_comment,
        modify_comment=op.modify_comment,
    )
    reason = (
        f"COMMENT takes SHARE UPDATE EXCLUSIVE on {change.table} for a moment: queries read and"
        " write."
    )
    title = f"comment on {op.column_name}"
    return Part(Phase.EXPAND, title, [comment], [comment.reverse()], [reason])


def plan_nullable(change: Change, op: AlterColumnOp) -> Part:
    kind = op.modify_type or op.existing_type
    drop = alter(change, op.column_name, kind, nullable=True)
    reason = (
        f"DROP NOT NULL takes ACCESS EXCLUSIVE on {change.table} for a moment, and reads no rows."
        " Before the rollout, as the new release writes NULL; the running one may read it."
    )
    return Part(Phase.EXPAND, f"let {op.column_name} be NULL", [drop], [drop.reverse()], [reason])
