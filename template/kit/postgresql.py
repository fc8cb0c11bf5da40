"""What revisions call that only PostgreSQL needs: indexes of partitioned tables.

PostgreSQL cannot build them CONCURRENTLY.

A revision builds an index on each partition, and then that of the table, which only attaches them:

    with op.get_context().autocommit_block():
        index_partitions("ix_visits_day", "visits", ["day"])
        op.create_index("ix_visits_day", "visits", ["day"], if_not_exists=True)
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from alembic import context, op
from sqlalchemy import text
from sqlalchemy.sql.elements import conv

__all__ = ["constrain_partitions", "drop_partition_indexes", "index_partitions"]

# The longest name that PostgreSQL stores, in bytes.
LONGEST_NAME = 63
# Those with rows in this database: neither foreign nor partitioned tables.
PARTITIONS = text("""
    SELECT nspname, relname FROM pg_partition_tree(to_regclass(:name)) AS tree
    JOIN pg_class ON pg_class.oid = tree.relid
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind = 'r' ORDER BY nspname, relname
""")


def index_partitions(
    name: str,
    table: str,
    columns: Sequence[Any],
    *,
    schema: str | None = None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Build an index on each partition of a table CONCURRENTLY, unless it exists.

    The arguments are those of op.create_index(); call it in an autocommit_block(). With `--sql`,
    which cannot know the partitions, it writes a comment: build the indexes first.
    """
    options |= {"if_not_exists": True, "postgresql_concurrently": True}
    for partition_schema, partition in list_partitions(table, schema, name):
        partition_name = name_of(partition, name)
        op.create_index(partition_name, partition, columns, schema=partition_schema, **options)


def drop_partition_indexes(name: str, table: str, *, schema: str | None = None) -> None:
    """Drop what index_partitions() has built and no index of the table has attached."""
    options = {"if_exists": True, "postgresql_concurrently": True}
    for partition_schema, partition in list_partitions(table, schema, name):
        partition_name = name_of(partition, name)
        op.drop_index(partition_name, partition, schema=partition_schema, **options)


def constrain_partitions(
    name: str, table: str, *, schema: str | None = None, options: str = ""
) -> None:
    """Make unique constraints of the unique indexes that index_partitions() has built.

    `options` is what follows in SQL, such as DEFERRABLE.
    """
    for partition_schema, partition in list_partitions(table, schema, name):
        qualified = f"{quote(partition_schema)}.{quote(partition)}"
        constraint = quote(name_of(partition, name))
        action = f"ADD CONSTRAINT {constraint} UNIQUE USING INDEX {constraint} {options}"
        op.execute(f"ALTER TABLE {qualified} {action}".rstrip())


def quote(identifier: str) -> str:
    """Return an identifier for SQL; op.execute() doubles its percent signs, as SQLAlchemy does."""
    return op.get_context().dialect.identifier_preparer.quote(identifier).replace("%%", "%")


def list_partitions(table: str, schema: str | None, index: str) -> Iterator[tuple[str, str]]:
    """Yield the schema and name of each partition with rows; with `--sql`, write a comment."""
    qualified = quote(table)
    if schema is not None:
        qualified = f"{quote(schema)}.{qualified}"
    if context.is_offline_mode():
        comment = f"-- First, build {index} CONCURRENTLY on each partition of {qualified}."
        op.get_context().impl.static_output(comment)
        return
    for partition in op.get_bind().execute(PARTITIONS, {"name": qualified}).all():
        yield partition.nspname, partition.relname


def name_of(partition: str, index: str) -> conv:
    """Return the name of the index of a partition; a long one is shortened and stays distinct."""
    name = f"{partition}_{index}"
    if len(name.encode()) <= LONGEST_NAME:
        return conv(name)
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    start = name.encode()[: LONGEST_NAME - 9].decode(errors="ignore")
    return conv(f"{start}_{digest}")
