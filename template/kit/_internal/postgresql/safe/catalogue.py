"""Reads from the database what decides how a change is written."""

from collections.abc import Iterable

from alembic.operations.ops import DropColumnOp
from sqlalchemy import text

from kit._internal.postgresql.safe.chain import Change

# Since this version, a foreign key of a partitioned table may be NOT VALID.
PARTITIONED_NOT_VALID = (18,)
KIND = text("SELECT relkind FROM pg_class WHERE oid = to_regclass(:name)")


def is_partitioned(change: Change) -> bool:
    """Return whether the table of a change has partitions."""
    connection = change.context.connection
    if connection is None:
        return False
    kind: str | None = connection.scalar(KIND, {"name": change.name})
    return kind == "p"


def can_defer_validation(change: Change) -> bool:
    """Return whether a foreign key of the table may be NOT VALID."""
    version = change.context.dialect.server_version_info or (0,)
    return version >= PARTITIONED_NOT_VALID or not is_partitioned(change)


def uses_dropped_column(change: Change, columns: Iterable[str]) -> bool:
    """Return whether the script drops one of these columns of the table."""
    dropped = set()
    for operation in change.operations:
        if not isinstance(operation, DropColumnOp):
            continue
        if (operation.table_name, operation.schema) == (change.table, change.schema):
            dropped.add(operation.column_name)
    return not dropped.isdisjoint(columns)
