"""Orders the operations of a revision that drops tables."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from alembic.operations.ops import (
    CreateTableOp,
    DropTableOp,
    MigrateOperation,
    MigrationScript,
    ModifyTableOps,
)

TableOp = CreateTableOp | DropTableOp | ModifyTableOps


def dropped_tables(script: MigrationScript) -> list[str]:
    """Return the names of the tables that a revision drops, each before those it refers to.

    Autogenerate lists them in any order, and PostgreSQL does not drop a table with references.
    """
    references: dict[str, set[str]] = {}
    for operation in list_drops(script):
        for key in operation.to_table().foreign_keys:
            target = key.target_fullname.rpartition(".")[0]
            references.setdefault(target, set()).add(name_of(operation))
    names = sorted(name_of(operation) for operation in list_drops(script))
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name in names:
        sorter.add(name, *sorted(references.get(name, set()) - {name}))
    try:
        return [*sorter.static_order()]
    except CycleError:
        return names


def list_drops(script: MigrationScript) -> list[DropTableOp]:
    operations = []
    for step in script.upgrade_ops_list:
        operations += [item for item in step.ops if isinstance(item, DropTableOp)]
    return operations


def sort_drops(script: MigrationScript) -> list[str]:
    """Drop tables last, in a possible order; return their names.

    Their indexes go with them, and are created again when the revision is rolled back.
    """
    names = dropped_tables(script)
    for upgrade in script.upgrade_ops_list:
        others, by_table = split(upgrade.ops, names)
        drops = join(by_table, names)
        upgrade.ops[:] = [*others, *(item for item in drops if isinstance(item, DropTableOp))]
    for downgrade in script.downgrade_ops_list:
        others, by_table = split(downgrade.ops, names)
        downgrade.ops[:] = [*join(by_table, names[::-1]), *others]
    return names


def split(
    operations: Sequence[MigrateOperation], names: Sequence[str]
) -> tuple[list[MigrateOperation], dict[str, list[MigrateOperation]]]:
    """Return the operations on other tables, and those on each of these tables."""
    others = []
    by_table: dict[str, list[MigrateOperation]] = {name: [] for name in names}
    for item in operations:
        if isinstance(item, TableOp) and name_of(item) in by_table:
            by_table[name_of(item)].append(item)
        else:
            others.append(item)
    return others, by_table


def join(
    by_table: dict[str, list[MigrateOperation]], names: Sequence[str]
) -> list[MigrateOperation]:
    joined = []
    for name in names:
        joined += by_table[name]
    return joined


def name_of(operation: TableOp) -> str:
    """Return the name of its table, with the schema if it has one."""
    if operation.schema is None:
        return operation.table_name
    return f"{operation.schema}.{operation.table_name}"
