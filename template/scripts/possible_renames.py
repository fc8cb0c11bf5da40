"""Finds columns and tables that revisions drop while they add one of another name alike."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from alembic.script import Script

ADVICE = (
    "If {new} is a new name of {old}, its values are lost: delete the revisions of this change and"
    " write them with\n    make db-revision rename={old}:{name}"
)


@dataclass
class Changes:
    """What revisions add and drop: the code of the type or the columns, by the full name."""

    added: dict[str, str] = field(default_factory=dict)
    # The file of the revision that drops it.
    dropped: dict[str, Path] = field(default_factory=dict)
    # What a rollback adds: what has been dropped.
    restored: dict[str, str] = field(default_factory=dict)


def find_possible_renames(scripts: Iterable[Script]) -> Iterator[tuple[Path, str]]:
    """Yield the file that drops a column or table, and a text with advice, for each of them."""
    changes = Changes()
    for script in scripts:
        read(Path(script.path), changes)
    for old, path in changes.dropped.items():
        for new, code in changes.added.items():
            # A column of another table, or a table, is no new name of a column.
            is_near = old.rpartition(".")[0] == new.rpartition(".")[0]
            if is_near and new not in changes.dropped and changes.restored.get(old) == code:
                name = new.rpartition(".")[2]
                yield path, f"{old}, {new}\n    {ADVICE.format(old=old, new=new, name=name)}"


def read(path: Path, changes: Changes) -> None:
    """Add what a revision adds and drops."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for table, call in calls_of(node):
            if node.name == "upgrade":
                changes.added.update(added_by(table, call))
                name = dropped_by(table, call)
                if name is not None:
                    changes.dropped[name] = path
            if node.name == "downgrade":
                changes.restored.update(added_by(table, call))


def calls_of(function: ast.FunctionDef) -> Iterator[tuple[str | None, ast.Call]]:
    """Yield calls of methods, with the table of their `with op.batch_alter_table(...)`."""
    batches: dict[ast.AST, str | None] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.With):
            opened = node.items[0].context_expr
            if isinstance(opened, ast.Call) and method(opened) == "batch_alter_table":
                for inner in ast.walk(node):
                    batches[inner] = text_of(opened, 0)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield batches.get(node), node


def method(call: ast.Call) -> str:
    """Return the name of the method of a call, or an empty string for a function."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return ""


def text_of(call: ast.Call, position: int) -> str | None:
    """Return an argument that is a text."""
    if len(call.args) <= position:
        return None
    argument = call.args[position]
    # The names of constraints and indexes are in op.f().
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    return None


def added_by(table: str | None, call: ast.Call) -> dict[str, str]:
    """Return the column or the table that a call adds."""
    if method(call) == "create_table":
        columns = [column_code(item) for item in call.args[1:] if is_column(item)]
        return {str(text_of(call, 0)): "\n".join(sorted(columns))}
    if method(call) != "add_column":
        return {}
    column = call.args[-1]
    if table is None:
        table = text_of(call, 0)
    if not isinstance(column, ast.Call) or len(column.args) < 2:  # noqa: PLR2004
        return {}
    return {f"{table}.{text_of(column, 0)}": type_code(column)}


def dropped_by(table: str | None, call: ast.Call) -> str | None:
    """Return the name of the column or the table that a call drops."""
    if method(call) == "drop_table":
        return text_of(call, 0)
    if method(call) != "drop_column":
        return None
    if table is not None:
        return f"{table}.{text_of(call, 0)}"
    return f"{text_of(call, 0)}.{text_of(call, 1)}"


def is_column(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and method(node) == "Column"


def column_code(node: ast.expr) -> str:
    """Return the name and the type of a column."""
    assert isinstance(node, ast.Call)  # noqa: S101
    return f"{text_of(node, 0)} {type_code(node)}"


def type_code(column: ast.Call) -> str:
    """Return the code of the type; sa.VARCHAR(length=20) and sa.String(length=20) are the same."""
    if len(column.args) < 2:  # noqa: PLR2004
        return ""
    code = ast.unparse(column.args[1]).rpartition("sa.")[2].upper()
    return code.replace("VARCHAR", "STRING")
