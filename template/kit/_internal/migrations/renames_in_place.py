"""Renames columns and tables immediately: releases of such a database never overlap."""

from collections.abc import Iterable
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    AddColumnOp,
    DropColumnOp,
    DropTableOp,
    ExecuteSQLOp,
    MigrateOperation,
    MigrationScript,
    OpContainer,
)
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Dialect

from kit._internal.migrations.renames import (
    Answer,
    Answers,
    alter_difference,
    find_renames,
)

CHOICES = {Answer.AT_ONCE: "[r]ename it", Answer.NO: "[n]o"}
RENAMED = "db-lint: allow renaming-column: no other release runs meanwhile"
MOVED = (
    "db-lint: allow backfill: the rows of a renamed table are copied",
    "db-lint: allow ban-drop-table: its rows are copied",
)
DIFFERENT = "db-lint: allow possible-rename: {} is not a new name of {}"


class CommentedSQLOp(ExecuteSQLOp):
    """Executes SQL, if any, with comments before it."""

    def __init__(self, sqltext: str, comments: Iterable[str]) -> None:
        super().__init__(sqltext)
        self.comments = list(comments)


@renderers.dispatch_for(CommentedSQLOp)
def render(_context: AutogenContext, operation: CommentedSQLOp) -> list[str]:
    lines = [f"# {comment}" for comment in operation.comments]
    if operation.sqltext:
        lines.append(f"op.execute({operation.sqltext!r})")
    return lines


def rename_in_place(script: MigrationScript, ctx: MigrationContext) -> None:
    """Replace a removed and an added column or table by a renamed one, if that is the answer."""
    answers = Answers(CHOICES)
    for upgrade, downgrade in zip(script.upgrade_ops_list, script.downgrade_ops_list, strict=True):
        operations = list(flatten(upgrade))
        for former, added, answer in list(find_renames(operations, ctx.dialect, answers.ask)):
            if answer == Answer.NO:
                comment = DIFFERENT.format(name(added), name(former))
                upgrade.ops.insert(0, CommentedSQLOp("", [comment]))
            if answer == Answer.AT_ONCE and isinstance(added, AddColumnOp):
                rename_column(upgrade, added, former, ctx.dialect)
                rename_column(downgrade, former.reverse(), added.reverse(), ctx.dialect)
            elif answer == Answer.AT_ONCE:
                copy_rows(upgrade, added, former, ctx.dialect)
                copy_rows(downgrade, former.reverse(), added.reverse(), ctx.dialect)
    answers.refuse_unused()


def flatten(container: OpContainer) -> Iterable[MigrateOperation]:
    for operation in container.ops:
        if isinstance(operation, OpContainer):
            yield from flatten(operation)
        else:
            yield operation


def name(operation: Any) -> str:  # noqa: ANN401
    """Return the name of the column or the table of an operation."""
    if isinstance(operation, AddColumnOp):
        return operation.column.name
    return str(getattr(operation, "column_name", operation.table_name))


def rename_column(container: OpContainer, added: Any, former: Any, dialect: Dialect) -> None:  # noqa: ANN401
    """Replace an added column by a renamed one, in the operations of a direction."""
    quote = dialect.identifier_preparer.quote
    statement = (
        f"ALTER TABLE {quote(added.table_name)}"
        f" RENAME COLUMN {quote(former.column_name)} TO {quote(added.column.name)}"
    )
    change = alter_difference(former.to_column(), added.column, added)
    for modified in container.ops:
        if isinstance(modified, OpContainer):
            modified.ops = list(replace(modified.ops, added, former, change))
    container.ops.insert(0, CommentedSQLOp(statement, [RENAMED]))
    container.ops[:] = [
        item for item in container.ops if not (isinstance(item, OpContainer) and item.is_empty())
    ]


def replace(
    operations: Iterable[MigrateOperation],
    added: AddColumnOp,
    former: DropColumnOp,
    change: Any,  # noqa: ANN401
) -> Iterable[MigrateOperation]:
    """Yield the operations without the added and the removed column, with the change instead."""
    for operation in operations:
        if is_same(operation, former):
            continue
        if not is_same(operation, added):
            yield operation
        elif change.has_changes():
            yield change


def is_same(operation: Any, other: AddColumnOp | DropColumnOp) -> bool:  # noqa: ANN401
    """Return whether an operation adds or drops the same column as another."""
    if type(operation) is not type(other) or operation.table_name != other.table_name:
        return False
    return name(operation) == name(other)


def copy_rows(container: OpContainer, added: Any, former: Any, dialect: Dialect) -> None:  # noqa: ANN401
    """Copy the rows of a table to the new one before it is dropped, in one direction."""
    preparer = dialect.identifier_preparer
    columns = ", ".join(preparer.quote(column.name) for column in added.to_table().columns)
    new, old = preparer.quote(added.table_name), preparer.quote(former.table_name)
    statement = f"INSERT INTO {new} ({columns}) SELECT {columns} FROM {old}"  # noqa: S608
    for position, operation in enumerate(container.ops):
        if isinstance(operation, DropTableOp) and operation.table_name == former.table_name:
            container.ops.insert(position, CommentedSQLOp(statement, MOVED))
            return
