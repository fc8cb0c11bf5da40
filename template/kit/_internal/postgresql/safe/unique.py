"""Plans unique constraints: their index is built CONCURRENTLY, and becomes the constraint."""

from alembic.operations.ops import (
    CreateIndexOp,
    CreateUniqueConstraintOp,
    DropConstraintOp,
    MigrateOperation,
)
from sqlalchemy.sql.elements import conv

from kit._internal.postgresql.safe.catalogue import is_partitioned
from kit._internal.postgresql.safe.chain import Change, Part, Phase, suffixed
from kit._internal.postgresql.safe.indexes import ALONE, create_concurrently, drop_concurrently
from kit._internal.postgresql.safe.operations import sql
from kit._internal.postgresql.safe.partitions import plan_partitioned_unique


def plan_unique(change: Change, new: CreateUniqueConstraintOp) -> list[Part]:
    """Return the parts that build a unique index, and make it the constraint."""
    options = constraint_options(new)
    index_options = dict(new.kw)
    for name in ("deferrable", "initially"):
        index_options.pop(name, None)
    name = change.stored(new.constraint_name)
    index = CreateIndexOp(
        conv(name),
        new.table_name,
        new.columns,
        schema=new.schema,
        unique=True,
        **index_options,
    )
    if is_partitioned(change):
        return plan_partitioned_unique(change, new, index, options)
    former = find_namesake(change, new)
    if former is not None:
        index.index_name = conv(suffixed(name, "_new"))
    reason = (
        f"ADD CONSTRAINT ... UNIQUE would block writes to {change.table} while it builds its index."
        " CREATE UNIQUE INDEX CONCURRENTLY takes SHARE UPDATE EXCLUSIVE: queries read and write."
        f" {ALONE} The next revision makes the index the constraint."
    )
    upgrade, downgrade = [create_concurrently(index)], [drop_concurrently(index)]
    built = Part(Phase.INDEX, f"create {index.index_name}", upgrade, downgrade, [reason])
    quoted = change.quote(name)
    action = f"ADD CONSTRAINT {quoted} UNIQUE USING INDEX"
    action = f"{action} {change.quote(str(index.index_name))} {options}".rstrip()
    return [built, attach(change, new, action, former)]


def attach(
    change: Change,
    new: CreateUniqueConstraintOp,
    action: str,
    former: DropConstraintOp | None,
) -> Part:
    """Return the part that makes a unique index the constraint, instead of a former one."""
    name = change.stored(new.constraint_name)
    reason = (
        f"ADD CONSTRAINT ... USING INDEX takes ACCESS EXCLUSIVE on {change.table} for a moment: the"
        " index is complete, so no row is read."
    )
    downgrade: list[MigrateOperation] = [
        DropConstraintOp(new.constraint_name, new.table_name, "unique", schema=new.schema)
    ]
    statement = f"ALTER TABLE {change.name} {action}"
    if former is not None:
        statement = (
            f"ALTER TABLE {change.name}\n  DROP CONSTRAINT {change.quote(name)},\n  {action}"
        )
        downgrade.append(former.reverse())
        reason += (
            f" The former {name} is dropped in the same statement, so the table is never without"
            " one. Rolling back builds its index while it blocks writes."
        )
    return Part(Phase.ATTACH, f"attach {name}", [sql(statement)], downgrade, [reason])


def constraint_options(new: CreateUniqueConstraintOp) -> str:
    """Return what follows USING INDEX in SQL, such as DEFERRABLE INITIALLY DEFERRED."""
    options = []
    if new.kw.get("deferrable"):
        options.append("DEFERRABLE")
    if new.kw.get("initially"):
        options.append(f"INITIALLY {new.kw['initially']}")
    return " ".join(options)


def find_namesake(change: Change, new: CreateUniqueConstraintOp) -> DropConstraintOp | None:
    """Return the operation that drops a constraint of the same name and table."""
    for operation in change.operations:
        if isinstance(operation, DropConstraintOp) and is_same(operation, new):
            return operation
    return None


def is_replaced(change: Change, dropped: DropConstraintOp) -> bool:
    """Return whether the script adds a unique constraint of the same name and table."""
    for operation in change.operations:
        if isinstance(operation, CreateUniqueConstraintOp) and is_same(dropped, operation):
            return not is_partitioned(change)
    return False


def is_same(dropped: DropConstraintOp, new: CreateUniqueConstraintOp) -> bool:
    return (dropped.constraint_name, dropped.table_name, dropped.schema) == (
        new.constraint_name,
        new.table_name,
        new.schema,
    )
