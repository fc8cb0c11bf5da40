"""Plans indexes: they are built and dropped CONCURRENTLY, each in a revision of its own."""

from typing import cast

from alembic.operations.ops import CreateIndexOp, DropIndexOp, MigrateOperation
from sqlalchemy.sql.elements import conv

from kit._internal.postgresql.safe.catalogue import is_partitioned, uses_dropped_column
from kit._internal.postgresql.safe.chain import Change, Part, Phase, qualify, suffixed
from kit._internal.postgresql.safe.operations import AutocommitOp, CommentOp, statement
from kit._internal.postgresql.safe.partitions import plan_partitioned_drop, plan_partitioned_index
from kit._internal.postgresql.safe.reasons import Reason

WITH_COLUMN = "DROP COLUMN also drops {}, which the running release may use until then."
ALONE = "It cannot run in a transaction, so this revision does nothing else."


def plan_index(change: Change) -> list[Part] | None:
    """Return the parts that create, replace or drop an index; None for other changes."""
    if isinstance(change.op, CreateIndexOp):
        return plan_new_index(change, change.op)
    if isinstance(change.op, DropIndexOp):
        return plan_dropped_index(change, change.op)
    return None


def plan_new_index(change: Change, new: CreateIndexOp) -> list[Part]:
    former = find_drop(change, new)
    if is_partitioned(change):
        return plan_partitioned_index(change, new, former)
    if former is not None:
        return replace_index(change, former.reverse(), new)
    return [build(change, new)]


def plan_dropped_index(change: Change, dropped: DropIndexOp) -> list[Part]:
    if find_creation(change, dropped) is not None:
        # The part that creates it replaces it.
        return []
    former = dropped.reverse()
    if uses_dropped_column(change, dropped.to_index().columns.keys()):
        return [drop_with_column(former)]
    if is_partitioned(change):
        return [plan_partitioned_drop(change, former)]
    return [drop(change, former)]


def find_drop(change: Change, new: CreateIndexOp) -> DropIndexOp | None:
    """Return the operation that drops an index of the same name and table."""
    for operation in change.operations:
        if isinstance(operation, DropIndexOp) and is_same(operation, new):
            return operation
    return None


def find_creation(change: Change, dropped: DropIndexOp) -> CreateIndexOp | None:
    """Return the operation that creates an index of the same name and table."""
    for operation in change.operations:
        if isinstance(operation, CreateIndexOp) and is_same(dropped, operation):
            return operation
    return None


def is_same(dropped: DropIndexOp, new: CreateIndexOp) -> bool:
    return (dropped.index_name, dropped.table_name, dropped.schema) == (
        new.index_name,
        new.table_name,
        new.schema,
    )


def create_concurrently(index: CreateIndexOp, name: str | None = None) -> MigrateOperation:
    """Return the operation that builds an index, under its own name or another."""
    options = {**index.kw, "postgresql_concurrently": True}
    return AutocommitOp(
        [
            CreateIndexOp(
                name or index.index_name,
                index.table_name,
                index.columns,
                schema=index.schema,
                unique=index.unique,
                if_not_exists=True,
                **options,
            )
        ]
    )


def drop_concurrently(index: CreateIndexOp, name: str | None = None) -> MigrateOperation:
    """Return the operation that drops an index which has its own name or another."""
    operation = DropIndexOp(
        cast("str", name or index.index_name),
        index.table_name,
        schema=index.schema,
        if_exists=True,
        postgresql_concurrently=True,
    )
    return AutocommitOp([operation])


def build(change: Change, index: CreateIndexOp, name: str | None = None) -> Part:
    """Return the part that builds an index."""
    reason = (
        f"CREATE INDEX CONCURRENTLY takes SHARE UPDATE EXCLUSIVE on {change.table}: queries read"
        f" and write the table while the index is built. {ALONE}"
    )
    return Part(
        Phase.INDEX,
        f"create {name or index.index_name}",
        [create_concurrently(index, name)],
        [drop_concurrently(index, name)],
        [reason],
    )


def drop(change: Change, index: CreateIndexOp, name: str | None = None) -> Part:
    """Return the part that drops an index, of which this is the definition."""
    reason = (
        f"DROP INDEX CONCURRENTLY takes SHARE UPDATE EXCLUSIVE on {change.table}: it waits for the"
        f" queries that use the index, and blocks none. {ALONE}"
    )
    return Part(
        Phase.INDEX,
        f"drop {name or index.index_name}",
        [drop_concurrently(index, name)],
        [create_concurrently(index, name)],
        [reason],
    )


def drop_with_column(index: CreateIndexOp) -> Part:
    """Return the part for an index that is dropped with its column; rolling back creates it."""
    reason = Reason(WITH_COLUMN, str(index.index_name))
    return Part(Phase.CONTRACT, "", [], [index], [reason])


def replace_index(change: Change, former: CreateIndexOp, new: CreateIndexOp) -> list[Part]:
    """Return the parts that replace an index, so that queries have one of the two at any time."""
    name = change.stored(new.index_name)
    new_name, old_name = suffixed(name, "_new"), suffixed(name, "_old")
    allowed = CommentOp("db-lint: allow renaming-object: queries do not name indexes")
    upgrade = [allowed, rename(change, name, old_name), rename(change, new_name, name)]
    downgrade = [rename(change, name, new_name), rename(change, old_name, name)]
    reason = (
        "ALTER INDEX ... RENAME takes SHARE UPDATE EXCLUSIVE on the indexes, for a moment: the new"
        f" one gets the name {name} in the transaction in which the old one loses it."
    )
    renamed = Part(Phase.INDEX, f"replace {name}", upgrade, downgrade, [reason])
    built = build(change, new, conv(new_name))
    built.reasons.append(f"The old index stays until the new one is complete: it becomes {name}.")
    return [built, renamed, drop(change, former, conv(old_name))]


def rename(change: Change, name: str, new_name: str) -> MigrateOperation:
    index = qualify(change.context, name, change.schema)
    return statement(f"ALTER INDEX {index}", f"RENAME TO {change.quote(new_name)}")
