"""Merge edits of a file of 1.x into the file of 2.0, hunk by hunk; the rest becomes a patch."""

from __future__ import annotations

import ast
import difflib
from typing import TYPE_CHECKING, NamedTuple

from additions import Addition, NoPlaceError, find_adder, is_settled
from files import join_lines, without_blank
from modules import Module, add_imports, choose_imports, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modules import Identity

# If the new file has little of the old one, fewer consecutive equal lines are a coincidence.
SIMILAR = 0.5
CONTEXT = 3


class Hunk(NamedTuple):
    """Lines of the old file, and the lines that replace them."""

    start: int
    end: int
    lines: list[str]


class Merged(NamedTuple):
    """The new file with the edits that fit, and the patch of those that do not."""

    text: str
    patch: str


def merge(name: str, old: str, mine: str, new: str) -> Merged:
    """Return the new file with the edits that the project has made to the old one."""
    if name.endswith(".py"):
        before, own, after = parse(old), parse(mine), parse(new)
        if before and own and after:
            return merge_modules(name, before, own, after)
    lines = old.splitlines()
    text, rejected = merge_lines(name, lines, mine.splitlines(), new)
    return Merged(text, make_patch(name, old, apply(rejected, lines)))


def merge_modules(name: str, old: Module, mine: Module, new: Module) -> Merged:
    """Merge the code after the imports; import what the result uses, as the project's file did."""
    body, rejected = merge_lines(name, old.body, mine.body, new.text_of_body)
    if parse(body) is None:
        body, rejected = new.text_of_body, find_hunks(old.body, mine.body)
    choice = choose_imports(body, old, mine, new)
    text = add_imports(body, new, choice)
    if not rejected and not choice.rejected:
        return Merged(text, "")
    imports = mine.imports if choice.rejected else old.imports
    lines = old.restore(apply(rejected, old.body), imports)
    return Merged(text, make_patch(name, old.text, lines))


def merge_lines(
    name: str, old: Sequence[str], mine: Sequence[str], new: str
) -> tuple[str, list[Hunk]]:
    """Return the new text with the hunks that fit, and those that do not."""
    lines = new.splitlines()
    kept = find_kept(old, lines)
    changes_of_release = find_hunks(old, lines)
    fitting: list[Hunk] = []
    others: list[Hunk] = []
    deletions: list[Hunk] = []
    for hunk in find_hunks(old, mine):
        if hunk.lines and hunk in changes_of_release:
            continue
        range_ = find_range(hunk, kept)
        if range_:
            fitting.append(Hunk(*range_, hunk.lines))
        elif hunk.lines:
            others.append(hunk)
        else:
            deletions.append(hunk)
    lines = apply(fitting, lines)
    for hunk in deletions:
        if not delete_lines(old[hunk.start : hunk.end], lines):
            others.append(hunk)
    return add_additions(name, join_lines(lines), old, sorted(others))


def find_hunks(old: Sequence[str], mine: Sequence[str]) -> list[Hunk]:
    """Return the differences of two texts."""
    hunks = []
    matcher = difflib.SequenceMatcher(None, old, mine, autojunk=False)
    for kind, start, end, first, last in matcher.get_opcodes():
        if kind != "equal":
            hunks.append(Hunk(start, end, list(mine[first:last])))
    return hunks


def find_kept(old: Sequence[str], new: Sequence[str]) -> dict[int, int]:
    """Return the number of each old line in the new text.

    The lines before the first and after the last one are included.
    """
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    needed = 1 if matcher.ratio() >= SIMILAR else CONTEXT
    kept = {-1: -1, len(old): len(new)}
    for block in matcher.get_matching_blocks():
        lines = without_blank(old[block.a : block.a + block.size])
        if len(lines) >= needed:
            for number in range(block.size):
                kept[block.a + number] = block.b + number
    return kept


def find_range(hunk: Hunk, kept: Mapping[int, int]) -> tuple[int, int] | None:
    """Return the lines of the new text that the hunk replaces; None where those have changed."""
    if hunk.start == hunk.end:
        before, after = kept.get(hunk.start - 1), kept.get(hunk.start)
        if before is None or after is None or before + 1 != after:
            return None
        return after, after
    first = kept.get(hunk.start)
    if first is None:
        return None
    for number in range(hunk.start, hunk.end):
        if kept.get(number) != first + number - hunk.start:
            return None
    return first, first + hunk.end - hunk.start


def delete_lines(deleted: Sequence[str], lines: list[str]) -> bool:
    """Delete lines that the new text has; return whether it is clear which lines these are."""
    for line in without_blank(deleted):
        count = lines.count(line)
        if count > 1 or (count and is_short(line)):
            return False
    for line in without_blank(deleted):
        if line in lines:
            lines.remove(line)
    return True


def is_short(line: str) -> bool:
    """Return whether a line is so common that an equal one may be a coincidence: `return None`."""
    return len(line.strip()) <= len("return None")


def add_additions(
    name: str, text: str, old: Sequence[str], hunks: Sequence[Hunk]
) -> tuple[str, list[Hunk]]:
    """Add lines where they belong in the new file; return the new text and the other hunks."""
    add = find_adder(name)
    rejected = []
    for hunk in hunks:
        try:
            if is_settled(name, old, hunk.start, hunk.end, hunk.lines):
                continue
            if add is None:
                raise NoPlaceError
            text = add(Addition.of(name, old, hunk.start, hunk.end, hunk.lines), text)
        except NoPlaceError:
            rejected.append(hunk)
    return text, rejected


def apply(hunks: Sequence[Hunk], text: Sequence[str]) -> list[str]:
    """Return the lines with these hunks."""
    lines = list(text)
    for hunk in reversed(hunks):
        lines[hunk.start : hunk.end] = hunk.lines
    return lines


def make_patch(name: str, old: str, lines: Sequence[str]) -> str:
    """Return the difference in the format of `git apply`; empty if the texts are equal."""
    before = join_lines(old.splitlines()).splitlines(keepends=True)
    after = join_lines(lines).splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"))


def restore_format(old: str, mine: str) -> str:
    """Return the project's text with the old format of statements that were only reformatted."""
    before, own = parse(old), parse(mine)
    if before is None or own is None or old == mine:
        return mine
    known: dict[Identity, list[str]] = {}
    for node in ast.walk(before.tree):
        if isinstance(node, ast.stmt):
            known[before.identify(node)] = before.lines_of(node)
    lines = mine.splitlines()
    for node in reversed(list(find_reformatted(own, own.tree, known))):
        start, end = own.range_of(node)
        lines[start:end] = known[own.identify(node)]
    return join_lines(lines)


def find_reformatted(
    own: Module, parent: ast.AST, known: Mapping[Identity, list[str]]
) -> Iterator[ast.stmt]:
    """Yield the largest statements that the old file also has."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.stmt) and own.is_alone(node) and own.identify(node) in known:
            yield node
        else:
            yield from find_reformatted(own, node, known)
