"""The revisions to rehearse, and what those wait for that run after a rollout."""

import ast
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from alembic.script import Script
from alembic.util import to_tuple

from scripts.rebase import added_to
from scripts.rehearse.request import refuse
from scripts.revisions import oldest_first, revisions_in_files, script_directory

# A change whose value only the developer knows.
UNKNOWN = "..."
BACKFILL, UNUSED = "require_backfill", "require_unused"


def heads_of_base(base: str) -> tuple[str, ...]:
    """Return the newest revisions that the base has; none if it has no revision."""
    added = {script.revision for script in added_to(base)}
    merged = [script for script in oldest_first() if script.revision not in added]
    followed: set[str] = set()
    for script in merged:
        followed.update(to_tuple(script.down_revision, default=()))
    return tuple(script.revision for script in merged if script.revision not in followed)


def pending_after(heads: Sequence[str]) -> list[Script]:
    """Return the revisions that a database with these heads lacks, oldest first.

    Exits with status 2 if this branch lacks one of the heads.
    """
    unknown = sorted(set(heads) - revisions_in_files())
    if unknown:
        refuse(f"the database is at {', '.join(unknown)}, which this branch lacks")
    applied: set[str] = set()
    for script in script_directory().iterate_revisions(tuple(heads), "base"):
        applied.add(script.revision)
    return [script for script in oldest_first() if script.revision not in applied]


def guards_of(script: Script) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Yield the guards that a revision calls: name, arguments and named arguments."""
    for node in ast.walk(ast.parse(Path(script.path).read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in {BACKFILL, UNUSED}:
                arguments = [text_of(argument) for argument in node.args]
                options = {str(word.arg): text_of(word.value) for word in node.keywords}
                yield name, arguments, options


def text_of(node: ast.expr) -> str:
    """Return the text of a literal, or the code of another expression."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    return ast.unparse(node)


def backfills_of(script: Script) -> Iterator[tuple[str, str, str]]:
    """Yield table, change and condition of each backfill that a revision waits for."""
    for name, arguments, options in guards_of(script):
        if name == BACKFILL and arguments:
            yield arguments[0], options.get("set", ""), options.get("where", "")


def waits_of(script: Script) -> list[str]:
    """Return what must be done before a revision: commands, and releases of code."""
    waits = []
    for name, arguments, options in guards_of(script):
        if name == BACKFILL:
            words = [f"{option}={quoted(text)}" for option, text in options.items()]
            waits.append(" ".join(["make db-backfill", f"table={''.join(arguments)}", *words]))
        else:
            unused = ".".join([*arguments, *options.values()])
            waits.append(f"a release whose code does not use {unused}")
    return waits


def quoted(text: str) -> str:
    """Return a text in quotes for a shell, in double ones if that is enough."""
    if set(text).isdisjoint('"$`\\!'):
        return f'"{text}"'
    return shlex.quote(text)
