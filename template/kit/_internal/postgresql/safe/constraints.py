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
from kit._internal.postgresql.safe.operations import NothingOp, sql
from kit._internal.postgresql.safe.unique import is_replaced, plan_unique

NOTHING = "db-lint: allow no-downgrade: validation needs no rollback"
NOT_VALID_KINDS = (CreateForeignKeyOp, CreateCheckConstraintOp)
NOT_VALID = {"postgresql_not_valid": True}


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
    return None


def plan_foreign_key(change: Change, new: CreateForeignKeyOp) -> list[Part]:
    """Return the parts that add a foreign key and validate it."""
    target = new.referent_table
    drop = DropConstraintOp(new.constraint_name, change.table, "foreignkey", schema=change.schema)
    phase = Phase.EXPAND
    if becomes_unique(change.operations, new):
        phase = Phase.ATTACH
    tables = change.table
    if (target, new.kw.get("referent_schema")) != (change.table, change.schema):
        tables = f"{change.table} and {target}"
    if not can_defer_validation(change):
        reason = (
            f"Before version 18, PostgreSQL has no NOT VALID for foreign keys of a partitioned"
            f" table: this takes SHARE ROW EXCLUSIVE on {tables}, and blocks writes while it reads"
            " all rows."
        )
        return [Part(phase, f"add {new.constraint_name}", [new], [drop], [reason])]
    new.kw.update(NOT_VALID)
    reason = (
        f"ADD CONSTRAINT ... NOT VALID takes SHARE ROW EXCLUSIVE on {tables} for a moment: it"
        " checks what is written from now on. The next revision checks the other rows."
    )
    added = Part(phase, f"add {new.constraint_name}", [new], [drop], [reason])
    validated = validate(change, new.constraint_name)
    if tables != change.table:
        validated.reasons[0] = validated.reasons[0].replace(
            ": queries", f" and ROW SHARE on {target}: queries"
        )
    return [added, validated]


def becomes_unique(operations: Sequence[MigrateOperation], key: CreateForeignKeyOp) -> bool:
    """Return whether the script makes the columns unique to which a foreign key refers."""
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
    reason = (
        f"ADD CONSTRAINT ... NOT VALID takes ACCESS EXCLUSIVE on {change.table} for a moment: it"
        " checks what is written from now on. The next revision checks the other rows."
    )
    drop = DropConstraintOp(new.constraint_name, change.table, "check", schema=change.schema)
    added = Part(Phase.EXPAND, f"add {new.constraint_name}", [new], [drop], [reason])
    return [added, validate(change, new.constraint_name)]


def validate(change: Change, name: Any) -> Part:  # noqa: ANN401
    """Return the part that validates a constraint."""
    statement = sql(
        f"ALTER TABLE {change.name} VALIDATE CONSTRAINT {change.quote(change.stored(name))}"
    )
    reason = (
        f"VALIDATE CONSTRAINT reads {change.table} with SHARE UPDATE EXCLUSIVE on it: queries read"
        " and write meanwhile."
    )
    title = f"validate {name}"
    return Part(Phase.VALIDATE, title, [statement], [NothingOp(NOTHING)], [reason])


def plan_dropped(change: Change, dropped: DropConstraintOp) -> list[Part]:
    """Return the part that drops a constraint, with its column if that is dropped too."""
    if is_replaced(change, dropped):
        # The part that adds its successor drops it.
        return []
    former = dropped.reverse()
    name = dropped.constraint_name
    tables = change.table
    if isinstance(former, CreateForeignKeyOp) and former.referent_table != change.table:
        tables = f"{change.table} and {former.referent_table}"
    reasons = [f"DROP CONSTRAINT takes ACCESS EXCLUSIVE on {tables} for a moment."]
    if isinstance(former, CreateUniqueConstraintOp):
        reasons.append(f"Rolling back builds the index of {name} while it blocks writes.")
    elif isinstance(former, NOT_VALID_KINDS) and can_defer_validation(change):
        former.kw.update(NOT_VALID)
        reasons.append(f"Rolling back adds {name} NOT VALID, to read no rows while it blocks them.")
    if uses_dropped_column(change, columns_of(former)):
        dropped.if_exists = True
        reasons.append(f"{name} is dropped with its column, which the running release uses.")
        return [Part(Phase.CONTRACT, f"drop {name}", [dropped], [former], reasons)]
    return [Part(Phase.EXPAND, f"drop {name}", [dropped], [former], reasons)]


def columns_of(constraint: AddConstraintOp) -> Sequence[str]:
    """Return the columns of a foreign key or unique constraint; those of a CHECK are unknown."""
    if isinstance(constraint, CreateForeignKeyOp):
        return constraint.local_cols
    if isinstance(constraint, CreateUniqueConstraintOp):
        return constraint.columns
    return ()
