"""Plans indexes and unique constraints of partitioned tables, by functions of kit.postgresql."""

from typing import Any

from alembic.autogenerate import render_op_text, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    CreateIndexOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
)

from kit._internal.postgresql.safe.chain import Change, Part, Phase
from kit._internal.postgresql.safe.operations import AutocommitOp, CallOp, CommentOp, sql
from kit._internal.postgresql.safe.reasons import Reason

MODULE = "kit.postgresql"
ATTACHED = "every partition has its index already"


class IndexPartitionsOp(CreateIndexOp):
    """Calls index_partitions() with the arguments of an index."""


@renderers.dispatch_for(IndexPartitionsOp)
def render_index_partitions(context: AutogenContext, operation: IndexPartitionsOp) -> str:
    context.imports.add(f"from {MODULE} import index_partitions")
    rendered = render_op_text(context, copy_index(CreateIndexOp, operation))
    return rendered.replace("op.create_index", "index_partitions", 1)


def copy_index(
    kind: type[CreateIndexOp], index: CreateIndexOp, **changed: bool | None
) -> CreateIndexOp:
    options: dict[str, Any] = {"schema": index.schema, "unique": index.unique, **index.kw}
    return kind(index.index_name, index.table_name, index.columns, **options | changed)


def plan_partitioned_index(
    change: Change, new: CreateIndexOp, former: DropIndexOp | None
) -> list[Part]:
    """Return the parts that create an index of a partitioned table, after its namesake is dropped.

    The partitions' indexes of the two would have the same names.
    """
    parts = []
    if former is not None:
        parts.append(plan_partitioned_drop(change, former.reverse()))
    reason = (
        f"PostgreSQL cannot build an index of a partitioned table CONCURRENTLY: this builds that of"
        f" each partition of {change.table} with SHARE UPDATE EXCLUSIVE on it, so that queries read"
        " and write. CREATE INDEX then takes SHARE on all of them for a moment, to attach these."
    )
    create: list[MigrateOperation] = [
        CommentOp(f"db-lint: allow require-concurrent-index-creation: {ATTACHED}"),
        AutocommitOp(
            [
                copy_index(IndexPartitionsOp, new),
                copy_index(CreateIndexOp, new, if_not_exists=True),
            ]
        ),
    ]
    dropped = [drop_partitioned(new)]
    return [*parts, Part(Phase.INDEX, f"create {new.index_name}", create, dropped, [reason])]


def drop_partitioned(index: CreateIndexOp) -> MigrateOperation:
    name: Any = index.index_name
    return DropIndexOp(name, index.table_name, schema=index.schema, if_exists=True)


def plan_partitioned_drop(change: Change, index: CreateIndexOp) -> Part:
    """Return the part that drops an index of a partitioned table."""
    reason = (
        "PostgreSQL cannot drop an index of a partitioned table CONCURRENTLY: this takes ACCESS"
        f" EXCLUSIVE on {change.table} and its partitions for a moment."
    )
    allowed = CommentOp("db-lint: allow require-concurrent-index-deletion: partitioned")
    create = AutocommitOp(
        [copy_index(IndexPartitionsOp, index), copy_index(CreateIndexOp, index, if_not_exists=True)]
    )
    upgrade = [allowed, drop_partitioned(index)]
    return Part(Phase.INDEX, f"drop {index.index_name}", upgrade, [create], [reason])


def plan_partitioned_unique(
    change: Change, index: CreateIndexOp, add: MigrateOperation, options: str
) -> list[Part]:
    """Return the parts of a unique constraint: `index` has its name and columns, `add` adds it."""
    name: Any = index.index_name
    arguments = {"module": MODULE}
    if index.schema is not None:
        arguments["schema"] = index.schema
    drop = CallOp("drop_partition_indexes", name, index.table_name, **arguments)
    if options:
        arguments["options"] = options
    constrain = CallOp("constrain_partitions", name, index.table_name, **arguments)
    build = AutocommitOp([copy_index(IndexPartitionsOp, index)])
    allowed = CommentOp(f"db-lint: allow disallowed-unique-constraint: {ATTACHED}")
    remove = DropConstraintOp(name, index.table_name, "unique", schema=index.schema)
    building = (
        "A unique constraint of a partitioned table needs one of each partition. This builds their"
        f" indexes CONCURRENTLY, with SHARE UPDATE EXCLUSIVE on a partition of {change.table}:"
        " queries read and write. The next revision makes them constraints."
    )
    attaching = Reason(
        "ADD CONSTRAINT takes ACCESS EXCLUSIVE on {} and all partitions for a moment: their indexes"
        " are complete, so no row is read. LOCK TABLE takes it in the order of queries: no"
        " deadlock.",
        change.table,
    )
    attach: list[MigrateOperation] = [lock(change), allowed, constrain, add]
    return [
        Part(Phase.INDEX, f"create {name}", [build], [AutocommitOp([drop])], [building]),
        Part(Phase.ATTACH, f"attach {name}", attach, [remove], [attaching]),
    ]


def lock(change: Change) -> MigrateOperation:
    """Return what locks a partitioned table before its partitions, as queries do."""
    return sql(f"LOCK TABLE {change.name} IN ACCESS EXCLUSIVE MODE")
