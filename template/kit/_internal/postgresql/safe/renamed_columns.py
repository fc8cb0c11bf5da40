"""Plans a renamed column while releases overlap: both columns exist, a trigger keeps them equal."""

from typing import Any

from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    DropColumnOp,
    MigrateOperation,
)
from sqlalchemy import Column

from kit._internal.postgresql.safe.chain import Change, Part, Phase
from kit._internal.postgresql.safe.columns import bare
from kit._internal.postgresql.safe.not_null import NotNull, alter, command, require_backfill
from kit._internal.postgresql.safe.operations import CommentOp, sql
from kit._internal.postgresql.safe.removals import (
    ALLOW_COLUMN,
    ALLOW_USED,
    let_be_null,
    require_unused,
)
from kit._internal.postgresql.safe.triggers import (
    ALLOW_DROP,
    Pair,
    create_trigger,
    drop_trigger,
    pair_of,
)

ALLOW_RENAME = CommentOp("db-lint: allow possible-rename: a trigger has copied the values")


def share_values(former: Change, added: Change) -> list[Part]:
    """Return the parts from the new column to the end of the old one."""
    assert isinstance(former.op, DropColumnOp)  # noqa: S101
    assert isinstance(added.op, AddColumnOp)  # noqa: S101
    old, new = former.op.to_column(), added.op.column
    kinds = [column.type.compile(former.context.dialect) for column in (old, new)]
    pair = pair_of(former, old.name, new.name, *kinds)
    guard = require_backfill(former, **pair.backfill)
    parts = [expand(pair, new, command(guard))]
    if new.nullable and not old.nullable:
        parts.append(let_be_null(former, old))
    if not new.nullable:
        reason = f"It waits until every row has {new.name}."
        parts += NotNull(former, new.name, new.type, [guard], reason).parts()
    return [*parts, contract(pair, old, new)]


def expand(pair: Pair, new: Column[Any], backfill: str) -> Part:
    change = pair.change
    upgrade: list[MigrateOperation] = [
        AddColumnOp(change.table, bare(new), schema=change.schema),
        *create_trigger(pair),
    ]
    downgrade: list[MigrateOperation] = [
        *drop_trigger(pair),
        DropColumnOp(change.table, new.name, schema=change.schema),
    ]
    shared = (
        f"{pair.old} becomes {new.name} while releases with either name run: a trigger gives both"
        " columns the value that a statement writes into one of them. ADD COLUMN takes ACCESS"
        f" EXCLUSIVE on {change.table}, CREATE TRIGGER takes SHARE ROW EXCLUSIVE, each for a"
        " moment."
    )
    fill = f"Fill {new.name} in the other rows before the new release reads it: {backfill}"
    return Part(Phase.EXPAND, f"add {new.name}", upgrade, downgrade, [shared, fill])


def contract(pair: Pair, old: Column[Any], new: Column[Any]) -> Part:
    change = pair.change
    name, former_name = change.quote(new.name), change.quote(old.name)
    guards = [require_backfill(change, **pair.backfill), require_unused(change, old.name)]
    upgrade: list[MigrateOperation] = [
        *guards,
        ALLOW_COLUMN,
        ALLOW_USED,
        ALLOW_RENAME,
        ALLOW_DROP,
        *drop_trigger(pair),
        DropColumnOp(change.table, old.name, schema=change.schema),
    ]
    downgrade: list[MigrateOperation] = [
        AddColumnOp(change.table, bare(old), schema=change.schema),
        sql(f"UPDATE {change.name} SET {former_name} = {name}"),  # noqa: S608
        *create_trigger(pair),
    ]
    if new.server_default is not None:
        upgrade.append(default_of(change, new, new.server_default))
        downgrade.insert(0, default_of(change, new, None))
    if old.server_default is not None:
        downgrade.append(default_of(change, old, old.server_default))
    if not old.nullable and not new.nullable:
        downgrade.append(alter(change, old.name, old.type, nullable=False))
    reason = (
        f"It waits: until the rollout is over, the old release uses {old.name}. DROP TRIGGER and"
        f" DROP COLUMN take ACCESS EXCLUSIVE on {change.table} for a moment, and read no rows. A"
        f" rollback copies {new.name} to {old.name}, and blocks queries meanwhile."
    )
    return Part(Phase.CONTRACT, f"drop {old.name}", upgrade, downgrade, [reason])


def default_of(change: Change, column: Column[Any], default: Any) -> AlterColumnOp:  # noqa: ANN401
    """Return the operation that sets the default of a column, or drops it."""
    return AlterColumnOp(
        change.table,
        column.name,
        schema=change.schema,
        existing_type=column.type,
        modify_server_default=default,
    )
