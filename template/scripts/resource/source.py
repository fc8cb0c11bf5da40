"""Text of Python files: statements are added and removed, all other lines stay as they are."""

import ast
import io
from collections.abc import Iterator

__all__ = [
    "difference",
    "insert",
    "lines_of",
    "merge_import",
    "parse",
    "remove_statement",
    "replace_lines",
    "with_newlines_of",
]


def parse(text: str) -> ast.Module:
    """Return the syntax tree of a file, which may begin with a byte order mark."""
    return ast.parse(text.removeprefix("\ufeff"))


def lines_of(text: str) -> list[str]:
    """Return the lines with their ends, as Python counts them: a form feed ends none."""
    return io.StringIO(text, newline="").readlines()


def newline_of(text: str) -> str:
    if "\r\n" in text:
        return "\r\n"
    return "\n"


def with_newlines_of(text: str, lines: str) -> str:
    """Return lines with the line endings of a text."""
    return lines.replace("\r\n", "\n").replace("\n", newline_of(text))


def insert(text: str, index: int, lines: list[str]) -> str:
    """Insert lines, without their ends, before the line with an index.

    A file whose last line does not end has no end there afterwards, either.
    """
    result = lines_of(text)
    end = newline_of(text)
    block = [line + end for line in lines]
    if index >= len(result) and result and not result[-1].endswith(("\n", "\r")):
        result[-1] += end
        block[-1] = block[-1].removesuffix(end)
    result[index:index] = block
    return "".join(result)


def difference(old: str, new: str) -> tuple[str, str]:
    """Return the lines from the first to the last changed one, before and after the change."""
    before, after = lines_of(old), lines_of(new)
    shorter = min(len(before), len(after))
    start = 0
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return "".join(before[start : len(before) - end]), "".join(after[start : len(after) - end])


def replace_lines(text: str, old: str, new: str) -> str | None:
    """Replace lines that occur once; return None if they do not."""
    lines, wanted = lines_of(text), lines_of(with_newlines_of(text, old))
    size = len(wanted)
    if not size:
        return None
    candidates = range(len(lines) - size + 1)
    starts = [start for start in candidates if lines[start : start + size] == wanted]
    if len(starts) != 1:
        return None
    lines[starts[0] : starts[0] + size] = [with_newlines_of(text, new)]
    return "".join(lines)


def merge_import(text: str, node: ast.ImportFrom, name: str) -> str:
    """Add a name after the last of an import."""
    last = node.names[-1]
    lines = lines_of(text)
    row, column = (last.end_lineno or 1) - 1, last.end_col_offset or 0
    line = lines[row].encode()
    lines[row] = (line[:column] + f", {name}".encode() + line[column:]).decode()
    return "".join(lines)


def remove_statement(text: str, statement: str) -> str | None:
    """Remove a statement, wherever it is now; return None if it is not in the text once."""
    expected = ast.parse(statement).body[0]
    if isinstance(expected, ast.ImportFrom):
        return remove_import(text, expected)
    wanted = ast.dump(expected)
    nodes = [node for node in statements_of(parse(text)) if ast.dump(node) == wanted]
    if len(nodes) != 1:
        return None
    return without_lines(text, nodes[0])


def statements_of(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            yield node


def remove_import(text: str, expected: ast.ImportFrom) -> str | None:
    """Remove a name from an import, or the import if it has no other name."""
    name = ast.dump(expected.names[0])
    for node in parse(text).body:
        if not isinstance(node, ast.ImportFrom) or is_other_module(node, expected):
            continue
        if [ast.dump(alias) for alias in node.names] == [name]:
            return without_lines(text, node)
        for index, alias in enumerate(node.names):
            if ast.dump(alias) == name:
                return without_alias(text, node, index)
    return None


def is_other_module(node: ast.ImportFrom, other: ast.ImportFrom) -> bool:
    return (node.module, node.level) != (other.module, other.level)


def without_alias(text: str, node: ast.ImportFrom, index: int) -> str:
    """Remove a name and the comma to its neighbour."""
    if index:
        start, end = node.names[index - 1], node.names[index]
        begin = (start.end_lineno or 1, start.end_col_offset or 0)
        stop = (end.end_lineno or 1, end.end_col_offset or 0)
    else:
        start, end = node.names[0], node.names[1]
        begin = (start.lineno, start.col_offset)
        stop = (end.lineno, end.col_offset)
    lines = lines_of(text)
    head = lines[begin[0] - 1].encode()[: begin[1]].decode()
    tail = lines[stop[0] - 1].encode()[stop[1] :].decode()
    lines[begin[0] - 1 : stop[0]] = [head + tail]
    return "".join(lines)


def without_lines(text: str, node: ast.stmt) -> str | None:
    """Remove the lines of a statement; those of a class with the blank lines before it."""
    lines = lines_of(text)
    start, end = node.lineno - 1, node.end_lineno or node.lineno
    if isinstance(node, ast.ClassDef):
        if node.decorator_list:
            start = node.decorator_list[0].lineno - 1
        while start and not lines[start - 1].strip():
            start -= 1
    is_last = end == len(lines)
    had_end = lines[-1].endswith(("\n", "\r"))
    kept = lines[:start] + lines[end:]
    if is_last and not had_end and kept:
        kept[-1] = kept[-1].rstrip("\r\n")
    result = "".join(kept)
    if not has_same_statements(text, result, node):
        return None
    return result


def has_same_statements(old: str, new: str, removed: ast.stmt) -> bool:
    """Return whether only one statement was removed, with all that it consists of."""
    try:
        after = [ast.dump(node) for node in statements_of(parse(new)) if is_leaf(node)]
    except SyntaxError:
        return False
    before = [ast.dump(node) for node in statements_of(parse(old)) if is_leaf(node)]
    for node in statements_of(removed):
        if is_leaf(node):
            before.remove(ast.dump(node))
    return sorted(before) == sorted(after)


def is_leaf(node: ast.stmt) -> bool:
    return not hasattr(node, "body")
