"""Find imports between the project's modules of names that no longer exist."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from modules import parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def defined(text: str) -> set[str]:
    """Return the names that a module defines, without those that it imports."""
    return defined_in(ast.parse(text))


def defined_in(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        names.update(bound(node))
    return names


def bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement binds, and those within."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id


def exported(path: Path) -> set[str] | None:
    """Return the names that can be imported from a module; None if that is unknown."""
    tree = parse_tree(path.read_bytes())
    if tree is None:
        return None
    names = defined_in(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                names.add((alias.asname or alias.name).partition(".")[0])
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
            return None
    if "*" in names:
        return None
    return names


class Sources:
    """The folders that the project's modules are imported from."""

    def __init__(self, roots: Iterable[str]) -> None:
        self.roots = [Path(root) for root in roots]

    def find_missing(self, text: str) -> Iterator[str]:
        """Yield names that a module imports and the project no longer has, as `app.errors.x`."""
        for node in ast.walk(parse_tree(text) or ast.Module([], [])):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if self.is_gone(alias.name):
                        yield alias.name
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield from self._find_missing_names(node.module, node.names)

    def _find_missing_names(self, module: str, names: list[ast.alias]) -> Iterator[str]:
        path = self.find_module(module)
        if path is None:
            if self.is_gone(module):
                yield module
            return
        known = exported(path)
        if known is None:
            return
        for alias in names:
            name = alias.name
            is_module = self.find_module(f"{module}.{name}") or (path.parent / name).is_dir()
            if name not in known and name != "*" and not is_module:
                yield f"{module}.{name}"

    def find_module(self, module: str) -> Path | None:
        """Return the file of a module or of a package."""
        for root in self.roots:
            path = root.joinpath(*module.split("."))
            for file in (path.with_suffix(".py"), path / "__init__.py"):
                if file.is_file():
                    return file
        return None

    def is_gone(self, module: str) -> bool:
        """Return whether the module belongs to one of the project's folders, but does not exist."""
        if self.find_module(module) is not None:
            return False
        is_own = False
        for root in self.roots:
            if root.joinpath(*module.split(".")).is_dir():
                return False
            is_own |= any((root / module.partition(".")[0]).glob("*.py"))
        return is_own
