"""Names that the project's own code imports from its other modules, and that are not there."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def defined(text: str) -> set[str]:
    """Return the names that a module defines, without those that it imports."""
    return {name for node in ast.parse(text).body for name in bound(node)}


def bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement binds, and those within."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id


def exported(path: Path) -> set[str] | None:
    """Return all that can be imported from a module; None where that cannot be known."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return None
    names = {name for node in tree.body for name in bound(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
            return None
    return None if "*" in names else names


def find_missing(text: str, roots: Iterable[str]) -> Iterator[str]:
    """Yield what is imported from a folder of the project and is not there, as `app.errors.x`."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if is_gone(alias.name, roots):
                    yield alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from find_missing_of(node.module, [a.name for a in node.names], roots)


def find_missing_of(module: str, names: list[str], roots: Iterable[str]) -> Iterator[str]:
    path = find_module(module, roots)
    if path is None:
        if is_gone(module, roots):
            yield module
        return
    known = exported(path)
    for name in names:
        is_module = find_module(f"{module}.{name}", roots) or (path.parent / name).is_dir()
        if known is not None and name not in known and name != "*" and not is_module:
            yield f"{module}.{name}"


def find_module(module: str, roots: Iterable[str]) -> Path | None:
    for root in roots:
        path = Path(root, *module.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None


def is_gone(module: str, roots: Iterable[str]) -> bool:
    """Return whether the module is below a folder of the project's own code, and not there."""
    first = module.partition(".")[0]
    folders = [Path(root, first) for root in roots]
    own = any(folder.is_dir() and any(folder.glob("*.py")) for folder in folders)
    is_folder = any(Path(root, *module.split(".")).is_dir() for root in roots)
    return own and not is_folder and find_module(module, roots) is None
