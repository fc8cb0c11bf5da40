"""Plans the revisions for what autogenerate has found: OPTIONS["plan_revisions"] of migrations."""

from collections.abc import Callable, Iterable

from alembic import context as environment
from alembic.operations.ops import (
    BulkInsertOp,
    CreateForeignKeyOp,
    CreateTableOp,
    DropConstraintOp,
    DropIndexOp,
    DropTableOp,
    ExecuteSQLOp,
    MigrateOperation,
    MigrationScript,
    OpContainer,
)
from alembic.runtime.migration import MigrationContext

from kit._internal.postgresql.safe.catalogue import uses_dropped_column
from kit._internal.postgresql.safe.chain import Change, Part, Phase, write_chain
from kit._internal.postgresql.safe.columns import plan_column
from kit._internal.postgresql.safe.constraints import plan_constraint
from kit._internal.postgresql.safe.docstrings import add_reasons
from kit._internal.postgresql.safe.enums import plan_enum
from kit._internal.postgresql.safe.indexes import plan_index
from kit._internal.postgresql.safe.operations import NothingOp
from kit._internal.postgresql.safe.removals import plan_removal
from kit._internal.postgresql.safe.renames import plan_renames

Planner = Callable[[Change], list[Part] | None]

# The first that returns parts plans the change.
PLANNERS: tuple[Planner, ...] = (
    plan_removal,
    plan_index,
    plan_constraint,
    plan_column,
    plan_enum,
)


def plan(script: MigrationScript, context: MigrationContext) -> list[MigrationScript]:
    """Return the revisions to write instead of the script."""
    changes = list_changes(script, context)
    parts, remaining = plan_renames(changes)
    new_tables = set()
    dropped_tables = set()
    for change in remaining:
        if isinstance(change.op, CreateTableOp):
            new_tables.add((change.schema, change.table))
        if isinstance(change.op, DropTableOp):
            dropped_tables.add((change.schema, change.table))
    parts += restore(script, dropped_tables)
    for change in sorted(remaining, key=rank):
        if (change.schema, change.table) in new_tables:
            parts.append(plain(change))
        else:
            parts += plan_change(change)
    chain = write_chain(script, parts)
    add_reasons(environment.script, chain)
    return chain


def rank(change: Change) -> int:
    """Return when a change is planned, which decides about the order within a phase.

    A foreign key may refer to what becomes unique. An index is dropped after others are built.
    """
    if isinstance(change.op, DropConstraintOp):
        return 0 if change.op.constraint_type == "foreignkey" else 1
    if isinstance(change.op, DropIndexOp):
        with_column = uses_dropped_column(change, change.op.to_index().columns.keys())
        return 1 if with_column else 3
    if isinstance(change.op, CreateForeignKeyOp):
        return 4
    return 2


def plan_change(change: Change) -> list[Part]:
    for planner in PLANNERS:
        parts = planner(change)
        if parts is not None:
            return parts
    return [plain(change)]


def plain(change: Change) -> Part:
    """Return what Alembic itself writes."""
    return Part(Phase.EXPAND, "", [change.op], [change.reverse])


def list_changes(script: MigrationScript, context: MigrationContext) -> list[Change]:
    """Return the operations of the script as changes, in their order."""
    operations = list(flatten(script.upgrade_ops_list[0].ops))
    changes = []
    for operation in operations:
        table, schema = table_of(operation)
        reverse = reverse_of(operation)
        changes.append(Change(operation, reverse, table, schema, context, operations))
    return changes


def flatten(operations: Iterable[MigrateOperation]) -> Iterable[MigrateOperation]:
    for operation in operations:
        if isinstance(operation, OpContainer):
            yield from flatten(operation.ops)
        else:
            yield operation


def table_of(operation: MigrateOperation) -> tuple[str, str | None]:
    """Return the table that an operation changes, and its schema."""
    if isinstance(operation, CreateForeignKeyOp):
        return operation.source_table, operation.kw.get("source_schema")
    return getattr(operation, "table_name", ""), getattr(operation, "schema", None)


def reverse_of(operation: MigrateOperation) -> MigrateOperation:
    """Return the operation that undoes another, as far as Alembic knows it."""
    try:
        return operation.reverse()
    except NotImplementedError:
        return NothingOp("Alembic knows no operation that undoes this.")


def restore(script: MigrationScript, dropped_tables: set[tuple[str | None, str]]) -> list[Part]:
    """Return the parts of a downgrade that no operation of the upgrade has as its reverse.

    Those that create the indexes of dropped tables, which are dropped with their tables; and those
    that a function of the project has added, such as op.execute().
    """
    indexes: list[MigrateOperation] = []
    added: list[MigrateOperation] = []
    for operation in flatten(script.downgrade_ops_list[0].ops):
        table, schema = table_of(operation)
        if isinstance(operation, ExecuteSQLOp | BulkInsertOp):
            added.append(operation)
        elif (schema, table) in dropped_tables and not isinstance(operation, CreateTableOp):
            indexes.append(operation)
    parts = [Part(Phase.CONTRACT, "", [], indexes), Part(Phase.EXPAND, "", [], added)]
    return [part for part in parts if part.downgrade]
