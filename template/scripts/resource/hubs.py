"""The files of the project that list all resources: which lines a new resource needs in them."""

import ast
from dataclasses import dataclass
from pathlib import Path

from scripts.resource.source import insert, lines_of, merge_import, parse

__all__ = ["Addition", "Hub", "PlaceNotFoundError", "add", "is_present"]


class PlaceNotFoundError(ValueError):
    """A file has no place for a statement."""


@dataclass(frozen=True)
class Addition:
    """A statement for a file; `function` is that in which a router is included."""

    statement: str
    function: str = ""

    @property
    def node(self) -> ast.stmt:
        return ast.parse(self.statement).body[0]


@dataclass(frozen=True)
class Hub:
    """A file to which every resource adds statements."""

    path: Path
    additions: tuple[Addition, ...]


def is_present(tree: ast.Module, addition: Addition) -> bool:
    """Return whether a file has a statement already, or a class of the same name."""
    node = addition.node
    if isinstance(node, ast.ImportFrom):
        return find_import(tree, node) is not None
    for other in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            if isinstance(other, ast.ClassDef) and other.name == node.name:
                return True
        elif isinstance(other, ast.Expr) and included(other) == included(node):
            return True
    return False


def find_import(tree: ast.Module, node: ast.ImportFrom) -> ast.ImportFrom | None:
    """Return the import that has the name of another, also if it is of the module's package."""
    for other in tree.body:
        if isinstance(other, ast.ImportFrom) and is_same_module(other, node):
            for alias in other.names:
                if ast.dump(alias) == ast.dump(node.names[0]):
                    return other
    return None


def is_same_module(node: ast.ImportFrom, other: ast.ImportFrom) -> bool:
    return (node.module, node.level) == (other.module, other.level)


def included(node: ast.stmt) -> str:
    """Return the router in `app.include_router(products_router)`, or an empty string."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return ""
    function, arguments = node.value.func, node.value.args
    if not isinstance(function, ast.Attribute) or function.attr != "include_router":
        return ""
    if not arguments or not isinstance(arguments[0], ast.Name):
        return "another"
    return arguments[0].id


def add(text: str, addition: Addition) -> tuple[str, str]:
    """Return a file with a statement, and the statement, which has the application's name there.

    Raises PlaceNotFoundError if the file has no place for it.
    """
    tree = parse(text)
    node = addition.node
    if isinstance(node, ast.ImportFrom):
        return add_import(text, tree, node, addition.statement), addition.statement
    if isinstance(node, ast.ClassDef):
        lines = ["", "", *addition.statement.split("\n")]
        return insert(text, len(lines_of(text)), lines), addition.statement
    return add_router(text, tree, addition)


def add_import(text: str, tree: ast.Module, node: ast.ImportFrom, statement: str) -> str:
    name = node.names[0]
    if name.asname is None:
        for other in tree.body:
            if isinstance(other, ast.ImportFrom) and is_same_module(other, node):
                return merge_import(text, other, name.name)
    return insert(text, line_of_import(text, tree, node), [statement])


def line_of_import(text: str, tree: ast.Module, node: ast.ImportFrom) -> int:
    """Return the index of the line for an import, sorted among those of the same package."""
    imports = [other for other in tree.body if isinstance(other, ast.Import | ast.ImportFrom)]
    if not imports:
        raise PlaceNotFoundError
    siblings = [other for other in imports if is_sibling(other, node)]
    for other in siblings:
        if module_of(other) > module_of(node):
            return line_with_comments(text, other.lineno - 1)
    if siblings:
        return siblings[-1].end_lineno or 0
    if not module_of(node).startswith("kit."):
        for other in imports:
            if module_of(other).partition(".")[0] == "kit":
                return line_with_comments(text, other.lineno - 1)
    return imports[-1].end_lineno or 0


def is_sibling(other: ast.stmt, node: ast.ImportFrom) -> bool:
    if not isinstance(other, ast.ImportFrom) or other.level != node.level:
        return False
    return module_of(other).partition(".")[0] == module_of(node).partition(".")[0]


def module_of(node: ast.stmt) -> str:
    if isinstance(node, ast.ImportFrom):
        return node.module or ""
    if isinstance(node, ast.Import):
        return node.names[0].name
    return ""


def line_with_comments(text: str, index: int) -> int:
    """Return the index of the first of the comment lines before a line."""
    lines = lines_of(text)
    while index and lines[index - 1].startswith("#"):
        index -= 1
    return index


def add_router(text: str, tree: ast.Module, addition: Addition) -> tuple[str, str]:
    """Include a router after the last one, or before the application is returned."""
    function = find_function(tree, addition.function)
    previous = [node for node in function.body if included(node)]
    last = function.body[-1]
    if previous:
        anchor = previous[-1]
        index = anchor.end_lineno or 0
        receiver = receiver_of(anchor)
    elif isinstance(last, ast.Return) and isinstance(last.value, ast.Name):
        anchor = last
        index = last.lineno - 1
        receiver = last.value.id
    else:
        raise PlaceNotFoundError
    for node in function.body:
        # Several statements in a line, or a line that continues another.
        if node is not anchor and node.lineno <= (anchor.end_lineno or 0) <= (node.end_lineno or 0):
            raise PlaceNotFoundError
    statement = addition.statement.replace("app.", f"{receiver}.", 1)
    return insert(text, index, [indentation_of(text, anchor) + statement]), statement


def indentation_of(text: str, node: ast.stmt) -> str:
    """Return the blanks before a statement; raise PlaceNotFoundError if another is before it."""
    indentation = lines_of(text)[node.lineno - 1][: node.col_offset]
    if indentation.strip():
        raise PlaceNotFoundError
    return indentation


def receiver_of(node: ast.stmt) -> str:
    """Return `app` in `app.include_router(...)`."""
    call = node.value if isinstance(node, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        return ast.unparse(call.func.value)
    raise PlaceNotFoundError


def find_function(tree: ast.Module, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return node
    raise PlaceNotFoundError
