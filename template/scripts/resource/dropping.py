"""How to drop the table of a destroyed resource: it depends on where its revision is applied."""

import ast
from pathlib import Path

from alembic.script import Script

from scripts.revisions import oldest_first, read_applied
from kit.project import PROJECT_DIR

__all__ = ["revisions_of", "steps_to_drop"]


def steps_to_drop(table: str) -> list[str]:
    """Return what to do with a table, line by line."""
    scripts = revisions_of(table)
    if not scripts:
        return [f"no revision creates the table {table}: nothing to drop"]
    names = [Path(script.path).relative_to(PROJECT_DIR).as_posix() for script in scripts]
    applied = find_applied()
    if applied is not None and not applied & {script.revision for script in scripts}:
        return steps_for_unapplied(table, scripts, names)
    state = "is applied to the development database"
    if applied is None:
        state = "may be applied: the development database does not answer"
    lines = [f"{names[-1]} creates the table {table} and {state}"]
    if applied is not None and scripts[-1].is_head:
        before = scripts[-1].down_revision or "base"
        lines.append(
            f"  if no other branch or database has it: make db-rollback rev={before},"
            " then delete that file"
        )
        lines.append("  otherwise, without downtime:")
    return [*lines, *steps_for_applied(table)]


def revisions_of(table: str) -> list[Script]:
    """Return the revisions that create a table, the oldest first."""
    return [script for script in oldest_first() if creates(Path(script.path), table)]


def steps_for_unapplied(table: str, scripts: list[Script], names: list[str]) -> list[str]:
    if scripts[-1].is_head:
        return [f"the development database does not have the table {table}: delete {names[-1]}"]
    after = f"and let the revision after it follow {scripts[-1].down_revision}"
    return [
        f"the development database does not have the table {table}: delete {names[-1]}, {after}"
    ]


def steps_for_applied(table: str) -> list[str]:
    return [
        f"  1. add {table} to exclude_tables in alembic.ini, so that make db-check accepts it",
        "  2. release this version, which does not use the table",
        f'  3. take {table} out of exclude_tables, and run make db-revision m="drop {table}"',
        "  4. allow it in the revision: # db-lint: allow ban-drop-table: not used since ...",
        "  5. release the revision",
    ]


def find_applied() -> set[str] | None:
    """Return the revisions of the development database, or None if it does not answer."""
    try:
        return set(read_applied())
    except (SystemExit, Exception):  # noqa: BLE001
        # Without settings or a server, the files say enough.
        return None


def creates(path: Path, table: str) -> bool:
    """Return whether a revision creates a table."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr != "create_table" or not node.args:
            continue
        name = node.args[0]
        if isinstance(name, ast.Constant) and name.value == table:
            return True
    return False
