"""Plans constraints: no statement reads the rows of a table while it blocks queries."""

from collections.abc import Sequence
from typing import Any

from alembic.operations.ops import (
    AddConstraintOp,
    CreateCheckConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    CreateUniqueConstraintOp,
    DropConstraintOp,
    MigrateOperation,
)

from kit._internal.postgresql.safe.catalogue import can_defer_validation, uses_dropped_column
from kit._internal.postgresql.safe.chain import Change, Part, Phase
from kit._internal.postgresql.safe.indexes import WITH_COLUMN
from kit._internal.postgresql.safe.operations import NothingOp, statement
from kit._internal.postgresql.safe.reasons import Reason
from kit._internal.postgresql.safe.unique import REBUILT, definition, is_replaced, plan_unique

NOTHING = "db-lint: allow no-downgrade: validation needs no rollback"
NOT_VALID_KINDS = (CreateForeignKeyOp, CreateCheckConstraintOp)
NOT_VALID = {"postgresql_not_valid": True}
PLAIN = (
    "PostgreSQL has no way to add such a constraint without reading all rows of {}: queries wait"
    " meanwhile."
)
ADDED_KEY = (
    "A foreign key that is NOT VALID takes SHARE ROW EXCLUSIVE on {} for a moment, and checks what"
    " is written from then on. A later revision checks the other rows."
)
ADDED_PARTITIONED_KEY = (
    "Before version 18, PostgreSQL has no NOT VALID for foreign keys of a partitioned table: this"
    " takes SHARE ROW EXCLUSIVE on {}, which blocks writes, and reads all rows."
)
ADDED_CHECK = (
    "A CHECK that is NOT VALID takes ACCESS EXCLUSIVE on {} for a moment, and checks what is"
    " written from then on. A later revision checks the other rows."
)
VALIDATED = (
    "VALIDATE CONSTRAINT takes SHARE UPDATE EXCLUSIVE on {}: queries read and write while it reads"
    " all rows."
)
VALIDATED_KEY = "For a foreign key, it also takes ROW SHARE on {}, which blocks no queries either."
DROPPED = "DROP CONSTRAINT takes ACCESS EXCLUSIVE on {} for a moment."
RESTORED = "Rolling back adds {} NOT VALID, so that it does not read all rows."


def plan_constraint(change: Change) -> list[Part] | None:
    """Return the parts that add, replace or drop a constraint; None for other changes."""
    operation = change.op
    if isinstance(operation, CreateUniqueConstraintOp) and operation.constraint_name:
        return plan_unique(change, operation)
    if isinstance(operation, CreateForeignKeyOp) and operation.constraint_name:
        return plan_foreign_key(change, operation)
    if isinstance(operation, CreateCheckConstraintOp) and operation.constraint_name:
        return plan_check(change, operation)
    if isinstance(operation, DropConstraintOp):
        return plan_dropped(change, operation)
    if isinstance(operation, AddConstraintOp):
        return [
            Part(Phase.EXPAND, "", [operation], [change.reverse], [Reason(PLAIN, change.table)])
        ]
    return None


def plan_foreign_key(change: Change, new: CreateForeignKeyOp) -> list[Part]:
    """Return the parts that add a foreign key and validate it."""
    target = new.referent_table
    drop = DropConstraintOp(new.constraint_name, change.table, "foreignkey", schema=change.schema)
    phase = Phase.EXPAND
    if becomes_unique(change.operations, new):
        phase = Phase.ATTACH
    tables = (change.table, target)
    if not can_defer_validation(change):
        reason = Reason(ADDED_PARTITIONED_KEY, *tables)
        return [Part(phase, f"add {new.constraint_name}", [new], [drop], [reason])]
    new.kw.update(NOT_VALID)
    added = Part(phase, f"add {new.constraint_name}", [new], [drop], [Reason(ADDED_KEY, *tables)])
    validated = validate(change, new.constraint_name)
    if target != change.table:
        validated.reasons.append(Reason(VALIDATED_KEY, target))
    return [added, validated]


def becomes_unique(operations: Sequence[MigrateOperation], key: CreateForeignKeyOp) -> bool:
    """Return whether the script adds what makes the target of a foreign key unique."""
    target = (key.referent_table, key.kw.get("referent_schema"))
    for operation in operations:
        columns: set[Any] = set()
        if isinstance(operation, CreateUniqueConstraintOp):
            columns = set(operation.columns)
        if isinstance(operation, CreateIndexOp) and operation.unique:
            columns = set(operation.to_index().columns.keys())
        if not columns or columns != set(key.remote_cols):
            continue
        if (operation.table_name, operation.schema) == target:  # type: ignore[attr-defined]
            return True
    return False


def plan_check(change: Change, new: CreateCheckConstraintOp) -> list[Part]:
    """Return the parts that add a CHECK and validate it."""
    new.kw.update(NOT_VALID)
    drop = DropConstraintOp(new.constraint_name, change.table, "check", schema=change.schema)
    reason = Reason(ADDED_CHECK, change.table)
    added = Part(Phase.EXPAND, f"add {new.constraint_name}", [new], [drop], [reason])
    return [added, validate(change, new.constraint_name)]


def validate(change: Change, name: Any) -> Part:  # noqa: ANN401
    """Return the part that validates a constraint."""
    constraint = change.quote(change.stored(name))
    upgrade: list[MigrateOperation] = [
        statement(f"ALTER TABLE {change.name}", f"VALIDATE CONSTRAINT {constraint}")
    ]
    downgrade: list[MigrateOperation] = [NothingOp(NOTHING)]
    reasons: list[str] = [Reason(VALIDATED, change.table)]
    return Part(Phase.VALIDATE, f"validate {name}", upgrade, downgrade, reasons)


def plan_dropped(change: Change, dropped: DropConstraintOp) -> list[Part]:
    """Return the part that drops a constraint, with its column if that is dropped too."""
    if is_replaced(change, dropped):
        # The part that adds its successor drops it.
        return []
    former = dropped.reverse()
    name = dropped.constraint_name
    restored = definition(change, dropped)
    if uses_dropped_column(change, columns_of(former)):
        return [Part(Phase.CONTRACT, "", [], [restored], [Reason(WITH_COLUMN, str(name))])]
    tables = [change.table]
    if isinstance(former, CreateForeignKeyOp):
        tables.append(former.referent_table)
    reasons: list[str] = [Reason(DROPPED, *tables)]
    if isinstance(former, CreateUniqueConstraintOp):
        reasons.append(Reason(REBUILT, str(name)))
    elif isinstance(restored, NOT_VALID_KINDS) and can_defer_validation(change):
        restored.kw.update(NOT_VALID)
        reasons.append(Reason(RESTORED, str(name)))
    return [Part(Phase.EXPAND, f"drop {name}", [dropped], [restored], reasons)]


def columns_of(constraint: AddConstraintOp) -> Sequence[str]:
    """Return the columns of a foreign key or unique constraint; those of a CHECK are unknown."""
    if isinstance(constraint, CreateForeignKeyOp):
        return constraint.local_cols
    if isinstance(constraint, CreateUniqueConstraintOp):
        return constraint.columns
    return ()
