"""Plans a renamed table; while releases overlap, a view has the old name.

PostgreSQL writes through such a view: INSERT, UPDATE and DELETE change the table, with its defaults
and with RETURNING and ON CONFLICT.
"""

from collections.abc import Iterator
from typing import Any

from alembic.operations.ops import (
    CreateForeignKeyOp,
    CreateIndexOp,
    CreateTableOp,
    DropConstraintOp,
    MigrateOperation,
)
from sqlalchemy import Table, text

from kit._internal.postgresql.safe.chain import Change, Part, Phase, qualify
from kit._internal.postgresql.safe.operations import CommentOp, sql
from kit._internal.postgresql.safe.removals import ALLOW_USED, require_unused

ALLOW_VIEW = CommentOp("db-lint: allow renaming-table: a view keeps the old name")
ALLOW_ALONE = CommentOp("db-lint: allow renaming-table: no release runs meanwhile")
ALLOW_OBJECT = CommentOp("db-lint: allow renaming-object: no query names it")
ALLOW_DROP = CommentOp("db-lint: allow ban-drop-view: only the old release uses it")
VIEW = (
    "{} becomes {}, and a view of the old name lets the old release read and write it. The"
    " rename takes ACCESS EXCLUSIVE for a moment."
)
# Gives the privileges of the table to the view.
GRANT = """
DO $$ DECLARE item record; BEGIN
    FOR item IN SELECT grantee, privilege_type FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = {table}::regclass AND grantee <> relowner AND grantee <> 0
            AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    LOOP
        EXECUTE 'GRANT ' || item.privilege_type || ' ON ' || {view}
            || ' TO ' || item.grantee::regrole;
    END LOOP;
END $$
"""
CONSTRAINTS = text(
    "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(:table) AND contype <> 'n'"
)
INDEXES = text(
    "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE indrelid = to_regclass(:table)"
)


def rename_table(
    former: Change, added: Change, remaining: list[Change], *, overlaps: bool
) -> list[Part]:
    """Return the parts of a renamed table; what they do is removed from the remaining changes."""
    statements = [(rename(former, added), rename(added, former))]
    statements += rename_constraints(former, added)
    statements += rename_indexes(former, added, remaining)
    statements += rename_references(former, added, remaining)
    upgrade: list[MigrateOperation] = [ALLOW_VIEW if overlaps else ALLOW_ALONE, ALLOW_OBJECT]
    downgrade: list[MigrateOperation] = []
    for statement, undo in statements:
        upgrade.append(sql(statement))
        downgrade.insert(0, sql(undo))
    reason = (
        f"{former.table} becomes {added.table} immediately: code that uses the other name fails. No"
        " release may run. The rename takes ACCESS EXCLUSIVE for a moment."
    )
    parts = [Part(Phase.EXPAND, f"rename {former.table}", upgrade, downgrade, [reason])]
    if overlaps:
        upgrade += create_view(former, added)
        downgrade.insert(0, sql(f"DROP VIEW {former.name}"))
        parts[0].reasons = [VIEW.format(former.table, added.table)]
        parts.append(contract(former, added))
    return parts


def rename(former: Change, new: Change) -> str:
    return f"ALTER TABLE {former.name} RENAME TO {new.quote(new.table)}"


def contract(former: Change, added: Change) -> Part:
    guard = require_unused(former)
    upgrade = [guard, ALLOW_USED, ALLOW_DROP, sql(f"DROP VIEW {former.name}")]
    reason = (
        f"It waits: until the rollout is over, the old release uses {former.table}, which is a"
        " view. After it, that release cannot run any more."
    )
    downgrade = create_view(former, added)
    return Part(Phase.CONTRACT, f"drop the view {former.table}", upgrade, downgrade, [reason])


def create_view(former: Change, added: Change) -> list[MigrateOperation]:
    """Return the operations that create the view, with the privileges of the table."""
    table, view = literal(added.name), literal(former.name)
    select = f"SELECT * FROM {added.name}"  # noqa: S608
    return [
        sql(f"CREATE VIEW {former.name} AS {select}"),
        sql(GRANT.format(table=table, view=view)),
    ]


def literal(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def former_name(former: Change, added: Change, name: str) -> str:
    """Return the name that a constraint or index of the table had by the naming convention."""
    return name.replace(added.table, former.table, 1)


def existing_names(change: Change, query: Any) -> set[str]:  # noqa: ANN401
    connection = change.context.connection
    if connection is None:
        return set()
    return set(connection.scalars(query, {"table": change.name}))


def rename_constraints(former: Change, added: Change) -> Iterator[tuple[str, str]]:
    """Yield statements that rename constraints of the table, and that undo it."""
    assert isinstance(added.op, CreateTableOp)  # noqa: S101
    existing = existing_names(former, CONSTRAINTS)
    table: Table = added.op.to_table(former.context)
    for constraint in sorted(table.constraints, key=lambda item: str(item.name)):
        if not constraint.name:
            continue
        new = former.stored(constraint.name)
        old = former_name(former, added, new)
        if old != new and old in existing:
            yield rename_constraint(added, old, new)


def rename_constraint(change: Change, old: str, new: str) -> tuple[str, str]:
    start = f"ALTER TABLE {change.name} RENAME CONSTRAINT"
    old, new = change.quote(old), change.quote(new)
    return f"{start} {old} TO {new}", f"{start} {new} TO {old}"


def rename_indexes(
    former: Change, added: Change, remaining: list[Change]
) -> Iterator[tuple[str, str]]:
    """Yield statements that rename indexes of the table, and that undo it."""
    existing = existing_names(former, INDEXES)
    for change in list(remaining):
        if not isinstance(change.op, CreateIndexOp):
            continue
        if (change.table, change.schema) != (added.table, added.schema):
            continue
        new = former.stored(change.op.index_name)
        old = former_name(former, added, new)
        if old not in existing:
            continue
        remaining.remove(change)
        if old != new:
            start, undo = (qualify(former.context, name, former.schema) for name in (old, new))
            yield (
                f"ALTER INDEX {start} RENAME TO {former.quote(new)}",
                f"ALTER INDEX {undo} RENAME TO {former.quote(old)}",
            )


def rename_references(
    former: Change, added: Change, remaining: list[Change]
) -> Iterator[tuple[str, str]]:
    """Yield statements that rename foreign keys to the table, and that undo it."""
    for dropped in list(remaining):
        if not isinstance(dropped.op, DropConstraintOp):
            continue
        key = dropped.op.reverse()
        if not isinstance(key, CreateForeignKeyOp) or key.referent_table != former.table:
            continue
        for created in list(remaining):
            if is_same_key(key, created.op, added):
                remaining.remove(dropped)
                remaining.remove(created)
                new = former.stored(created.op.constraint_name)  # type: ignore[attr-defined]
                if new != dropped.op.constraint_name:
                    yield rename_constraint(dropped, str(dropped.op.constraint_name), new)
                break


def is_same_key(key: CreateForeignKeyOp, other: MigrateOperation, added: Change) -> bool:
    """Return whether an operation creates a foreign key for the renamed table."""
    if not isinstance(other, CreateForeignKeyOp) or other.referent_table != added.table:
        return False
    return (key.source_table, key.local_cols) == (other.source_table, other.local_cols)
