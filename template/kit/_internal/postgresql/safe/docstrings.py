"""Writes into the docstring of a revision why it is written so."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from textwrap import fill
from typing import Any

from alembic.operations.ops import MigrationScript
from alembic.script import ScriptDirectory, write_hooks

from kit._internal.postgresql.safe.chain import Revision

HOOK = "explain"
WIDTH = 100
# What a reason ends with may be a command; its words, with quotes in them.
COMMAND = "make db-backfill "
WORD = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""")
# A text up to this length fits into a line of `        where="...",`.
UNBROKEN = 83
# Alembic's comments around operations, which ask for the corrections that a chain does not need.
MARKERS = re.compile(r"(?m)^ *# ### (?:commands auto generated|end Alembic commands).*\n")
IDENTIFIER = re.compile(r"""(?m)^revision\b[^=\n]*= *["']([^"']+)["']""")


def add_reasons(script: ScriptDirectory, chain: Iterable[MigrationScript]) -> None:
    """Make Alembic explain the revisions that it writes, before the hooks of alembic.ini."""
    reasons = {}
    for revision in chain:
        if isinstance(revision, Revision) and revision.reasons:
            reasons[revision.rev_id] = revision.reasons
    if reasons:
        hook: Any = {"_hook_name": HOOK, "type": HOOK, "reasons": reasons}
        script.hooks = [hook, *script.hooks]


@write_hooks.register(HOOK)
def explain(path: str, options: dict[str, Any]) -> None:
    """Write the reasons after the first line of the docstring of a file."""
    file = Path(path)
    text = file.read_text("utf-8")
    identifier = IDENTIFIER.search(text)
    if identifier is None:
        return
    reasons = options["reasons"].get(identifier[1], [])
    if reasons:
        text = MARKERS.sub("", add_paragraphs(text, reasons))
        file.write_text(allow_long_lines(text), "utf-8")


def allow_long_lines(source: str) -> str:
    """Return the source with a comment if a line may be too long: SQL or comments with long names.

    Nothing can break it. Ruff removes the comment if it fits.
    """
    if has_long_comment(source) or has_long_text(source):
        return source.replace('\n"""\n', '\n"""\n\n# ruff: noqa: E501\n', 1)
    return source


def has_long_comment(source: str) -> bool:
    return any(len(line) > WIDTH and line.lstrip()[0] == "#" for line in source.splitlines())


def has_long_text(source: str) -> bool:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        limit = WIDTH if "\n" in node.value else UNBROKEN
        if max(map(len, node.value.splitlines()), default=0) > limit:
            return True
    return False


def add_paragraphs(source: str, reasons: list[str]) -> str:
    """Return the source with a paragraph for each reason in the docstring of the module.

    A module without a docstring is returned unchanged.
    """
    module = ast.parse(source)
    if ast.get_docstring(module) is None:
        return source
    docstring = module.body[0]
    lines = source.splitlines(keepends=True)
    first, last = docstring.lineno - 1, (docstring.end_lineno or docstring.lineno) - 1
    paragraphs = "".join(f"\n{paragraph(reason)}\n" for reason in reasons)
    if first == last:
        # A docstring of one line ends with its quotes.
        line = lines[first].rstrip()
        lines[first] = f"{line[:-3]}\n{paragraphs}{line[-3:]}\n"
    else:
        lines[first] += paragraphs
    return "".join(lines)


def paragraph(text: str) -> str:
    """Return a text that is valid in a docstring, in lines of at most 100 columns.

    A command at its end is on lines of its own, which can be copied into a shell.
    """
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    sentence, separator, command = escaped.partition(f": {COMMAND}")
    filled = fill(sentence + separator[:1], WIDTH, break_long_words=False, break_on_hyphens=False)
    if not separator:
        return filled
    return f"{filled}\n\n{break_command(f'{COMMAND}{command}')}"


def break_command(command: str) -> str:
    """Return an indented command, over several lines if a single line would be too long."""
    if len(command) + 4 <= WIDTH:
        return f"    {command}"
    words = WORD.findall(command)
    start = " ".join(words[:3])
    return " \\\n        ".join([f"    {start}", *words[3:]])
