"""Plans removed columns and tables: they are dropped after the rollout, when no code uses them."""

from alembic.operations.ops import (
    AddColumnOp,
    CreateForeignKeyOp,
    DropColumnOp,
    DropConstraintOp,
    DropTableOp,
    MigrateOperation,
)
from sqlalchemy import Column, ForeignKeyConstraint, Table

from kit._internal.postgresql.safe.chain import Change, Part, Phase
from kit._internal.postgresql.safe.not_null import alter
from kit._internal.postgresql.safe.operations import CallOp, CommentOp, sql

WAITS = "it waits until no process of the old release runs"
ALLOW_COLUMN = CommentOp(f"db-lint: allow ban-drop-column: {WAITS}")
ALLOW_TABLE = CommentOp(f"db-lint: allow ban-drop-table: {WAITS}")
ALLOW_USED = CommentOp(f"db-lint: allow still-used: {WAITS}")
# With these, rows of the removed table do not keep others from being deleted.
LENIENT = {"CASCADE", "SET NULL", "SET DEFAULT"}


def plan_removal(change: Change) -> list[Part] | None:
    """Return the parts that drop a column or a table; None for other changes."""
    if isinstance(change.op, DropColumnOp):
        return plan_dropped_column(change, change.op)
    if isinstance(change.op, DropTableOp):
        return plan_dropped_table(change, change.op)
    return None


def plan_dropped_column(change: Change, op: DropColumnOp) -> list[Part]:
    column = op.to_column()
    reason = (
        f"It waits: until the rollout is over, the old release uses {column.name}. DROP COLUMN"
        f" takes ACCESS EXCLUSIVE on {change.table} for a moment, and reads no rows. After it, that"
        " release cannot run any more."
    )
    upgrade = [require_unused(change, column.name), ALLOW_COLUMN, ALLOW_USED, op]
    downgrade = [add_again(change, column)]
    drop = Part(Phase.CONTRACT, f"drop {column.name}", upgrade, downgrade, [reason])
    if not is_required(column):
        return [drop]
    return [let_be_null(change, column), drop]


def require_unused(change: Change, column: str | None = None) -> CallOp:
    """Return the guard that refuses to run while the base branch uses the column or the table."""
    table = change.table
    if change.schema is not None:
        table = f"{change.schema}.{table}"
    if column is None:
        return CallOp("require_unused", table)
    return CallOp("require_unused", table, column)


def is_required(column: Column[object]) -> bool:
    """Return whether an INSERT without the column fails."""
    if column.nullable or column.server_default is not None or column.primary_key:
        return False
    return column.identity is None and column.computed is None


def let_be_null(change: Change, column: Column[object]) -> Part:
    """Return the part after which INSERT need not name a column that is NOT NULL."""
    name = change.quote(column.name)
    restore = sql(
        f"DO $$ BEGIN\n"
        f"    IF NOT EXISTS (SELECT FROM {change.name} WHERE {name} IS NULL) THEN\n"
        f"        ALTER TABLE {change.name} ALTER COLUMN {name} SET NOT NULL;\n"
        f"    END IF;\n"
        f"END $$"
    )
    reason = (
        f"The new release inserts rows without {column.name}. DROP NOT NULL takes ACCESS EXCLUSIVE"
        f" on {change.table} for a moment. A rollback sets it again if every row has a value."
    )
    drop = alter(change, column.name, column.type, nullable=True)
    return Part(Phase.EXPAND, f"let {column.name} be NULL", [drop], [restore], [reason])


def add_again(change: Change, column: Column[object]) -> MigrateOperation:
    """Return the operation of a rollback, which can add the column to a table with rows."""
    former: Column[object] = column.copy()
    former.nullable = column.nullable or is_required(column)
    return AddColumnOp(change.table, former, schema=change.schema)


def plan_dropped_table(change: Change, op: DropTableOp) -> list[Part]:
    table = op.to_table()
    keys = blocking_keys(change, table)
    downgrade: list[MigrateOperation] = []
    if change.reverse is not None:
        downgrade.append(change.reverse)
    downgrade += [drop_key(change, key) for key in keys]
    locked = change.table
    if table.foreign_keys:
        locked = f"{change.table}, and on the tables that it refers to,"
    reason = (
        f"It waits: until the rollout is over, the old release uses {change.table}. DROP TABLE"
        f" takes ACCESS EXCLUSIVE on {locked} for a moment. After it, that release cannot run any"
        " more."
    )
    upgrade = [require_unused(change), ALLOW_TABLE, ALLOW_USED, op]
    drop = Part(Phase.CONTRACT, f"drop {change.table}", upgrade, downgrade, [reason])
    return [*[free(change, key) for key in keys], drop]


def blocking_keys(change: Change, table: Table) -> list[ForeignKeyConstraint]:
    """Return the foreign keys that keep the new release from deleting rows of other tables."""
    dropped = set()
    for operation in change.operations:
        if isinstance(operation, DropTableOp):
            dropped.add((operation.schema, operation.table_name))
    keys = []
    for key in table.foreign_key_constraints:
        target = key.elements[0].target_fullname.rpartition(".")[0]
        schema, _, name = target.rpartition(".")
        is_kept = (schema or None, name) not in dropped
        if key.name is not None and is_kept and (key.ondelete or "").upper() not in LENIENT:
            keys.append(key)
    return sorted(keys, key=lambda key: str(key.name))


def drop_key(change: Change, key: ForeignKeyConstraint) -> DropConstraintOp:
    return DropConstraintOp(str(key.name), change.table, "foreignkey", schema=change.schema)


def free(change: Change, key: ForeignKeyConstraint) -> Part:
    """Return the part that drops a foreign key of a table that the new release does not know."""
    create = CreateForeignKeyOp.from_constraint(key)
    create.kw["postgresql_not_valid"] = True
    target = key.elements[0].target_fullname.rpartition(".")[0]
    reason = (
        f"The new release does not know {change.table}, whose rows would keep it from deleting rows"
        f" of {target}. DROP CONSTRAINT takes ACCESS EXCLUSIVE on both tables for a moment. A"
        " rollback adds it NOT VALID, as rows may refer to deleted ones."
    )
    return Part(Phase.EXPAND, f"drop {key.name}", [drop_key(change, key)], [create], [reason])
