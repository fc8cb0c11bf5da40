"""Merges edits of a file of 1.x into the file of 2.0, hunk by hunk; none is dropped without a word."""

from __future__ import annotations

import ast
import difflib
from typing import TYPE_CHECKING, NamedTuple

from additions import Addition, NoPlaceError, find_placer, is_settled
from modules import Module, add_imports, choose_imports, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Where the new file has little of the old one, fewer equal lines in a row are an accident.
SIMILAR = 0.5
CONTEXT = 3


class Hunk(NamedTuple):
    """Lines of the old file, and what stands in their place."""

    start: int
    end: int
    lines: list[str]


class Merged(NamedTuple):
    """The new file with the edits that fit, and the patch of those that do not."""

    text: str
    patch: str


def merge(name: str, old: str, mine: str, new: str) -> Merged:
    """Return the new file with the edits of one's own."""
    if name.endswith(".py"):
        modules = [parse(text) for text in (old, mine, new)]
        if all(modules):
            before, own, after = (module for module in modules if module)
            return merge_modules(name, before, own, after)
    text, rejected = merge_lines(name, old.splitlines(), mine.splitlines(), new)
    return Merged(text, make_patch(name, old, reject(old.splitlines(), rejected)))


def merge_modules(name: str, old: Module, mine: Module, new: Module) -> Merged:
    """Merge what follows the imports; import what the result uses, as one's own file did."""
    body, rejected = merge_lines(name, old.body, mine.body, new.text_of_body)
    if parse(body) is None:
        body, rejected = new.text_of_body, find_hunks(old.body, mine.body)
    imports = choose_imports(body, old, mine, new)
    text = add_imports(body, new, imports.added, imports.dropped)
    if not rejected and not imports.rejected:
        return Merged(text, "")
    partly = reject(old.body, rejected)
    head = mine.imports if imports.rejected else old.imports
    return Merged(text, make_patch(name, old.text, old.restore(partly, head)))


def find_hunks(old: Sequence[str], mine: Sequence[str]) -> list[Hunk]:
    blocks = difflib.SequenceMatcher(None, old, mine, autojunk=False).get_opcodes()
    return [
        Hunk(start, end, list(mine[first:last]))
        for kind, start, end, first, last in blocks
        if kind != "equal"
    ]


def merge_lines(
    name: str, old: Sequence[str], mine: Sequence[str], new: str
) -> tuple[str, list[Hunk]]:
    """Return the new text with the hunks that fit, and those that do not."""
    lines = new.splitlines()
    kept = find_kept(old, lines)
    changes = [
        tuple(map(str, (hunk.start, hunk.end, hunk.lines))) for hunk in find_hunks(old, lines)
    ]
    fitting: list[Hunk] = []
    others: list[Hunk] = []
    deletions: list[Hunk] = []
    for hunk in find_hunks(old, mine):
        if tuple(map(str, hunk)) in changes and hunk.lines:
            continue
        range_ = find_range(hunk, len(old), kept, len(lines))
        if range_ is None:
            (others if hunk.lines else deletions).append(hunk)
        else:
            fitting.append(Hunk(*range_, hunk.lines))
    for hunk in reversed(fitting):
        lines[hunk.start : hunk.end] = hunk.lines
    others += [hunk for hunk in deletions if not delete_lines(hunk, old, lines)]
    text = "".join(f"{line}\n" for line in lines)
    return place(name, text, old, sorted(others))


def find_kept(old: Sequence[str], new: Sequence[str]) -> dict[int, int]:
    """Return which line of the new text each line of the old one is now."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    needed = 1 if matcher.ratio() >= SIMILAR else CONTEXT
    kept = {}
    for block in matcher.get_matching_blocks():
        lines = old[block.a : block.a + block.size]
        if sum(bool(line.strip()) for line in lines) >= needed:
            kept |= {block.a + number: block.b + number for number in range(block.size)}
    return kept


def delete_lines(hunk: Hunk, old: Sequence[str], lines: list[str]) -> bool:
    """Delete what the hunk deletes, as far as the new text has it; return whether that is clear."""
    deleted = [line for line in old[hunk.start : hunk.end] if line.strip()]
    counts = [lines.count(line) for line in deleted]
    if hunk.lines or any(count > 1 for count in counts):
        return False
    if any(count and not is_telling(line) for line, count in zip(deleted, counts, strict=True)):
        return False
    for line, count in zip(deleted, counts, strict=True):
        if count:
            lines.remove(line)
    return True


def is_telling(line: str) -> bool:
    """Return whether a line says more than `return`, so that another one like it is the same."""
    return len(line.strip()) > len("return None")


def find_range(
    hunk: Hunk, size: int, kept: dict[int, int], new_size: int
) -> tuple[int, int] | None:
    """Return the lines of the new text that the hunk replaces; None where those have changed."""
    if hunk.start < hunk.end:
        numbers = [kept.get(number) for number in range(hunk.start, hunk.end)]
        first = numbers[0]
        if first is None or numbers != list(range(first, first + len(numbers))):
            return None
        return first, first + len(numbers)
    before = kept.get(hunk.start - 1) if hunk.start else -1
    after = kept.get(hunk.start) if hunk.start < size else new_size
    if before is None or after is None or before + 1 != after:
        return None
    return after, after


def place(name: str, text: str, old: Sequence[str], hunks: list[Hunk]) -> tuple[str, list[Hunk]]:
    """Put additions where they belong in the new file; return the rest."""
    placer = find_placer(name)
    rejected = []
    for hunk in hunks:
        try:
            if is_settled(name, old, hunk.start, hunk.end, hunk.lines):
                continue
            if placer is None:
                raise NoPlaceError
            text = placer(Addition.of(name, old, hunk.start, hunk.end, hunk.lines), text)
        except NoPlaceError:
            rejected.append(hunk)
    return text, rejected


def reject(old: Sequence[str], hunks: list[Hunk]) -> list[str]:
    """Return the old lines with these hunks alone."""
    lines = list(old)
    for hunk in reversed(hunks):
        lines[hunk.start : hunk.end] = hunk.lines
    return lines


def make_patch(name: str, old: str, lines: Sequence[str]) -> str:
    """Return the difference as `git apply` reads it; nothing where there is none."""
    marked = (f"{line}\n" for line in lines)
    before = (f"{line}\n" for line in old.splitlines())
    return "".join(difflib.unified_diff([*before], [*marked], f"a/{name}", f"b/{name}"))


def restore_format(old: str, mine: str) -> str:
    """Return one's own text with the statements that were only reformatted as they were."""
    before, own = parse(old), parse(mine)
    if before is None or own is None or old == mine:
        return mine
    known = {
        (ast.dump(node), node.col_offset, before.comments(node)): before.lines_of(node)
        for node in ast.walk(before.tree)
        if isinstance(node, ast.stmt)
    }
    lines = mine.splitlines()
    for node in reversed([*find_reformatted(own, own.tree, known)]):
        start, end = own.range_of(node)
        lines[start:end] = known[ast.dump(node), node.col_offset, own.comments(node)]
    return "".join(f"{line}\n" for line in lines)


def find_reformatted(
    own: Module, parent: ast.AST, known: dict[tuple[str, int, tuple[str, ...]], list[str]]
) -> Iterator[ast.stmt]:
    """Yield the largest statements that the old file has, too."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.stmt) and own.is_alone(node):
            key = ast.dump(node), node.col_offset, own.comments(node)
            if key in known:
                yield node
                continue
        yield from find_reformatted(own, node, known)
