"""Plans unique constraints: their index is built CONCURRENTLY, and becomes the constraint."""

from alembic.operations.ops import (
    CreateCheckConstraintOp,
    CreateIndexOp,
    CreateUniqueConstraintOp,
    DropConstraintOp,
    MigrateOperation,
)
from sqlalchemy.sql.elements import conv

from kit._internal.postgresql.safe.catalogue import is_partitioned
from kit._internal.postgresql.safe.chain import Change, Part, Phase, suffixed
from kit._internal.postgresql.safe.indexes import ALONE, create_concurrently, drop_concurrently
from kit._internal.postgresql.safe.operations import statement
from kit._internal.postgresql.safe.partitions import plan_partitioned_unique
from kit._internal.postgresql.safe.reasons import Reason

ATTACHED = (
    "ADD CONSTRAINT ... USING INDEX takes ACCESS EXCLUSIVE on {} for a moment: the index is"
    " complete, so no row is read."
)
REPLACED = "The same statement drops the {} that it replaces, so that no duplicate gets in between."
REBUILT = "Rolling back builds the index of {} while it blocks writes."


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
        add = add_unique(change, new)
        return plan_partitioned_unique(change, index, add, options)
    former = find_namesake(change, new)
    if former is not None:
        index.index_name = conv(suffixed(name, "_new"))
    reason = (
        f"ADD CONSTRAINT ... UNIQUE would block writes to {change.table} while it builds its index."
        " CREATE UNIQUE INDEX CONCURRENTLY takes SHARE UPDATE EXCLUSIVE: queries read and write."
        f" {ALONE} The next revision attaches the index."
    )
    upgrade, downgrade = [create_concurrently(index)], [drop_concurrently(index)]
    built = Part(Phase.INDEX, f"create {index.index_name}", upgrade, downgrade, [reason])
    using = f"USING INDEX {change.quote(str(index.index_name))}"
    return [built, attach(change, new, [using, options], former)]


def attach(
    change: Change,
    new: CreateUniqueConstraintOp,
    clauses: list[str],
    former: DropConstraintOp | None,
) -> Part:
    """Return the part that adds the constraint with its index, and drops what it replaces."""
    name = change.stored(new.constraint_name)
    reasons: list[str] = [Reason(ATTACHED, change.table)]
    remove = DropConstraintOp(new.constraint_name, new.table_name, "unique", schema=new.schema)
    downgrade: list[MigrateOperation] = [remove]
    drop = ""
    if former is not None:
        drop = f"DROP CONSTRAINT {change.quote(name)},"
        downgrade.append(definition(change, former))
        reasons += [Reason(REPLACED, name), Reason(REBUILT, name)]
    add = f"ADD CONSTRAINT {change.quote(name)} UNIQUE"
    upgrade: list[MigrateOperation] = [statement(f"ALTER TABLE {change.name}", drop, add, *clauses)]
    return Part(Phase.ATTACH, f"attach {name}", upgrade, downgrade, reasons)


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


def definition(change: Change, dropped: DropConstraintOp) -> MigrateOperation:
    """Return what adds a constraint again, without options that only the reflection has."""
    former = dropped.reverse()
    if isinstance(former, CreateUniqueConstraintOp):
        former.kw = {name: value for name, value in former.kw.items() if value}
        return add_unique(change, former)
    if isinstance(former, CreateCheckConstraintOp):
        former.kw.pop("not_valid", None)
    return former


def add_unique(change: Change, new: CreateUniqueConstraintOp) -> MigrateOperation:
    """Return what adds a unique constraint, as SQL if it has INCLUDE, with which Alembic fails."""
    included = new.kw.get("postgresql_include")
    if not included:
        return new
    kind = "UNIQUE"
    if new.kw.get("postgresql_nulls_not_distinct"):
        kind = "UNIQUE NULLS NOT DISTINCT"
    columns = ", ".join(map(change.quote, new.columns))
    others = ", ".join(map(change.quote, included))
    return statement(
        f"ALTER TABLE {change.name}",
        f"ADD CONSTRAINT {change.quote(change.stored(new.constraint_name))}",
        f"{kind} ({columns}) INCLUDE ({others})",
        constraint_options(new),
    )


def is_same(dropped: DropConstraintOp, new: CreateUniqueConstraintOp) -> bool:
    return (dropped.constraint_name, dropped.table_name, dropped.schema) == (
        new.constraint_name,
        new.table_name,
        new.schema,
    )
