"""Plans renamed columns and tables, which autogenerate finds as removed and added ones."""

from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    CreateIndexOp,
    CreateUniqueConstraintOp,
    DropColumnOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
)

from kit._internal.migrations.renames import (
    Answer,
    Answers,
    alter_difference,
    find_renames,
    name_of,
)
from kit._internal.postgresql.safe.catalogue import uses_dropped_column
from kit._internal.postgresql.safe.chain import Change, Part, Phase, qualify
from kit._internal.postgresql.safe.constraints import plan_constraint
from kit._internal.postgresql.safe.indexes import plan_index
from kit._internal.postgresql.safe.operations import CommentOp, sql
from kit._internal.postgresql.safe.renamed_columns import share_values
from kit._internal.postgresql.safe.renamed_tables import rename_table

CHOICES = {
    Answer.OVERLAP: "[y]es, both while releases overlap",
    Answer.AT_ONCE: "[r]ename immediately: no release runs",
    Answer.NO: "[n]o",
}
ALONE = "no release runs meanwhile"
ALLOW_COLUMN = CommentOp(f"db-lint: allow renaming-column: {ALONE}")
ALLOW_OBJECT = CommentOp("db-lint: allow renaming-object: no query names it")
ALLOW_NOT_NULL = CommentOp(f"db-lint: allow adding-not-nullable-field: {ALONE}")


def plan_renames(changes: list[Change]) -> tuple[list[Part], list[Change]]:
    """Return the parts of renamed columns and tables, and the changes that are none.

    Asks in a terminal which are renamed; raises CommandError if the command line names others.
    """
    if not changes:
        return [], []
    answers = Answers(CHOICES)
    dialect = changes[0].context.dialect
    parts: list[Part] = []
    remaining = list(changes)
    # All are asked first: the answers change the operations.
    answered = list(find_renames([change.op for change in changes], dialect, answers.ask))
    answers.refuse_unused()
    for former, added, answer in answered:
        pair = (change_of(changes, former), change_of(changes, added))
        if answer == Answer.NO:
            parts.append(note_difference(*pair))
        if answer not in {Answer.OVERLAP, Answer.AT_ONCE}:
            continue
        remaining = [change for change in remaining if change not in pair]
        if not isinstance(added, AddColumnOp):
            parts += rename_table(*pair, remaining, overlaps=answer == Answer.OVERLAP)
        elif answer == Answer.OVERLAP:
            parts += plan_dependents(pair[0], remaining)
            parts += share_values(*pair)
        else:
            parts += rename_column(*pair, remaining)
    return parts, remaining


def change_of(changes: list[Change], operation: MigrateOperation) -> Change:
    for change in changes:
        if change.op is operation:
            return change
    raise LookupError(operation)


def note_difference(former: Change, added: Change) -> Part:
    """Return a comment for `make db-lint`, which cannot know that it has been asked."""
    names = f"{name_of(added.op)} is not a new name of {name_of(former.op)}"  # type: ignore[arg-type]
    comment = CommentOp(f"db-lint: allow possible-rename: {names}")
    return Part(Phase.CONTRACT, "", [comment], [])


def plan_dependents(former: Change, remaining: list[Change]) -> list[Part]:
    """Return the parts of indexes and constraints that are dropped with a column.

    They precede those of the column, and are no longer among the remaining changes.
    """
    parts: list[Part] = []
    for change in list(remaining):
        if (change.table, change.schema) != (former.table, former.schema):
            continue
        if uses_dropped_column(change, columns_of(change.op)):
            parts += plan_index(change) or plan_constraint(change) or []
            remaining.remove(change)
    return parts


def columns_of(operation: MigrateOperation) -> list[str]:
    """Return the columns of an operation that drops an index or a constraint."""
    if isinstance(operation, DropIndexOp):
        return list(operation.to_index().columns.keys())
    if isinstance(operation, DropConstraintOp):
        former = operation.reverse()
        return list(getattr(former, "columns", None) or getattr(former, "local_cols", []))
    return []


def rename_column(former: Change, added: Change, remaining: list[Change]) -> list[Part]:
    """Return the part that renames a column, with its indexes and constraints."""
    assert isinstance(former.op, DropColumnOp)  # noqa: S101
    assert isinstance(added.op, AddColumnOp)  # noqa: S101
    old_column, new_column = former.op.to_column(), added.op.column
    old, new = old_column.name, new_column.name
    # Nothing is dropped with the column any more.
    former.operations.remove(former.op)
    upgrade: list[MigrateOperation] = [ALLOW_COLUMN, rename(former, old, new)]
    downgrade: list[MigrateOperation] = [rename(former, new, old)]
    for statement, undo in rename_dependents(former, old, new, remaining):
        upgrade += [ALLOW_OBJECT, sql(statement)]
        downgrade.insert(0, sql(undo))
    difference = alter_difference(old_column, new_column, added.op)
    if difference.has_changes():
        if difference.modify_nullable is False:
            upgrade.append(ALLOW_NOT_NULL)
        upgrade.append(difference)
        downgrade.insert(0, difference.reverse())
    reason = (
        f"{old} becomes {new} immediately: code that uses the other name fails. No release may"
        f" run. The rename takes ACCESS EXCLUSIVE on {former.table} for a moment."
    )
    return [Part(Phase.EXPAND, f"rename {old}", upgrade, downgrade, [reason])]


def rename(change: Change, old: str, new: str) -> AlterColumnOp:
    return AlterColumnOp(change.table, old, schema=change.schema, modify_name=new)


def rename_dependents(
    former: Change, old: str, new: str, remaining: list[Change]
) -> list[tuple[str, str]]:
    """Return statements that rename indexes and constraints of a column, and that undo it.

    Those are no longer among the remaining changes.
    """
    statements = []
    of_table = [
        change
        for change in remaining
        if (change.table, change.schema) == (former.table, former.schema)
    ]
    for dropped in of_table:
        columns = [new if name == old else name for name in columns_of(dropped.op)]
        for created in of_table:
            if columns and is_successor(dropped.op, created.op, columns):
                statements.append(rename_object(dropped, created))
                remaining.remove(dropped)
                remaining.remove(created)
                break
    return statements


def is_successor(dropped: MigrateOperation, created: MigrateOperation, columns: list[str]) -> bool:
    """Return whether an operation creates what another drops, for these columns."""
    if isinstance(dropped, DropIndexOp) and isinstance(created, CreateIndexOp):
        same_kind = bool(dropped.to_index().unique) == bool(created.unique)
        return same_kind and list(created.to_index().columns.keys()) == columns
    if isinstance(dropped, DropConstraintOp) and isinstance(created, CreateUniqueConstraintOp):
        return dropped.constraint_type == "unique" and list(created.columns) == columns
    if isinstance(dropped, DropConstraintOp):
        return list(getattr(created, "local_cols", [])) == columns
    return False


def rename_object(dropped: Change, created: Change) -> tuple[str, str]:
    """Return the statement that renames an index or a constraint, and the one that undoes it."""
    if isinstance(dropped.op, DropIndexOp) and isinstance(created.op, CreateIndexOp):
        old, new = str(dropped.op.index_name), dropped.stored(created.op.index_name)
        return rename_index(dropped, old, new), rename_index(dropped, new, old)
    old = dropped.quote(str(dropped.op.constraint_name))  # type: ignore[attr-defined]
    new = dropped.quote(dropped.stored(created.op.constraint_name))  # type: ignore[attr-defined]
    table = f"ALTER TABLE {dropped.name} RENAME CONSTRAINT"
    return f"{table} {old} TO {new}", f"{table} {new} TO {old}"


def rename_index(change: Change, old: str, new: str) -> str:
    name = qualify(change.context, old, change.schema)
    return f"ALTER INDEX {name} RENAME TO {change.quote(new)}"
