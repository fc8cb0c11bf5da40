"""Imports run one way: scripts, then app, migrations and tests, then kit; and in kit no circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from kit.project import PROJECT_DIR

ALLOWED = {
    "kit": {"kit"},
    "app": {"app", "kit"},
    "migrations": {"app", "kit"},
    "scripts": {"app", "kit", "scripts"},
    "tests": {"app", "kit", "tests"},
}


def modules(package: str) -> dict[str, Path]:
    """Return the files of a package by the names of their modules."""
    names = {}
    for file in (PROJECT_DIR / package).rglob("*.py"):
        parts = file.relative_to(PROJECT_DIR).with_suffix("").parts
        names[".".join(parts).removesuffix(".__init__")] = file
    return names


def imported(file: Path) -> Iterator[str]:
    """Yield what a file imports, in functions as well, but not what is for type checkers only."""
    nodes: list[ast.AST] = [ast.parse(file.read_text("utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{file}: relative import"
        nodes.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_run_one_way(package: str) -> None:
    own = {"app", "kit", "migrations", "scripts", "tests"}
    for name, file in modules(package).items():
        packages = {imports.partition(".")[0] for imports in imported(file)}
        assert packages & own <= ALLOWED[package], name


def test_kit_has_no_circle() -> None:
    """Not by an import in a function either, which would only hide it."""
    files = modules("kit")
    graph = {name: files.keys() & set(imported(file)) for name, file in files.items()}
    list(TopologicalSorter(graph).static_order())


def test_public_modules_say_what_is_public() -> None:
    for name, file in modules("kit").items():
        if "_internal" not in name and name.count(".") == 1 and file.name != "__init__.py":
            assert "__all__ = " in file.read_text("utf-8"), name
