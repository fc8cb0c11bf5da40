"""The counts of the style guide, on rendered projects and on this repository's own code."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.template import DATABASES, ROOT, Render, files

# Lines of a module, and of a function.
MODULE_LINES, FUNCTION_LINES = 250, 40
# At most so many in 1,000 lines that are not blank.
LIMITS = {"assignment expressions": 2, "conditional expressions": 12, "comprehensions": 15}
IDIOMS: dict[type[ast.AST], str] = {
    ast.NamedExpr: "assignment expressions",
    ast.IfExp: "conditional expressions",
    ast.ListComp: "comprehensions",
    ast.SetComp: "comprehensions",
    ast.DictComp: "comprehensions",
    ast.GeneratorExp: "comprehensions",
}
# Words that name nothing: readers must look up what they stand for.
VAGUE = {"one", "there", "said", "left", "given", "place", "at", "look", "found"}
OWN = ["benchmarks", "harness", "hooks", "mutants", "tests", "tools", "website"]
ZONES = ["app", "kit", "migrations", "scripts", "tests"]


def python_files(folder: Path) -> list[Path]:
    return [path for path in files(folder) if path.suffix == ".py"]


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text("utf-8")))


def excesses(folder: Path) -> Iterator[str]:
    """Yield the idioms that the modules of a folder use too often, with their rates."""
    counts = Counter[str]()
    lines = 0
    for path in python_files(folder):
        lines += len(re.findall(r"(?m)^.*\S", path.read_text("utf-8")))
        for node in nodes(path):
            if type(node) in IDIOMS:
                counts[IDIOMS[type(node)]] += 1
    for idiom, limit in LIMITS.items():
        rate = 1000 * counts[idiom] / lines
        if rate > limit:
            yield f"{idiom}: {rate:.1f}"


def long_parts(path: Path) -> Iterator[str]:
    """Yield the module and its functions that are too long."""
    length = path.read_text("utf-8").count("\n")
    if length > MODULE_LINES:
        yield f"{path}: {length} lines"
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines"


def vague_names(path: Path) -> Iterator[str]:
    """Yield what a module defines under a vague name."""
    for node in nodes(path):
        name = defined_name(node)
        if name in VAGUE:
            yield f"{path}:{getattr(node, 'lineno', '?')}: {name}"


def defined_name(node: ast.AST) -> str | None:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
            return name
        case ast.Attribute(attr=name, ctx=ast.Store()):
            return name
    return None


def faults(folder: Path) -> list[str]:
    """Return everything in a folder that the style guide does not allow."""
    messages = list(excesses(folder))
    for path in python_files(folder):
        messages += [*long_parts(path), *vague_names(path)]
    return messages


@pytest.mark.parametrize("folder", OWN)
def test_own_code(folder: str) -> None:
    messages = faults(ROOT / folder)
    assert not messages, "\n".join(messages)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("database", DATABASES)
def test_rendered_code(rendered: Render, database: str, zone: str) -> None:
    messages = faults(rendered(database=database) / zone)
    assert not messages, "\n".join(messages)


@pytest.mark.parametrize("database", DATABASES)
def test_other_rendered_files_are_short(rendered: Render, database: str) -> None:
    for path in files(rendered(database=database)):
        if path.suffix in {".ini", ".mako", ".toml"}:
            assert path.read_text("utf-8").count("\n") <= MODULE_LINES, path


PLANTED = {
    "walrus": ("if name := input():\n    print(name)\n", "assignment expressions: 500.0"),
    "conditional": ("print(1 if input() else 2)\n", "conditional expressions: 1000.0"),
    "comprehension": ("print([x for x in input()])\n", "comprehensions: 1000.0"),
    "generator": ("print(any(x for x in input()))\n", "comprehensions: 1000.0"),
    "module": ("print()\n" * 251, "251 lines"),
    "function": ("def write():\n" + "    print()\n" * 40, "write has 41 lines"),
    "variable": ("found = 1\n", "found"),
    "parameter": ("def write(place): ...\n", "place"),
    "method": ("class Door:\n    def look(self): ...\n", "look"),
    "attribute": ("import door\ndoor.left = 1\n", "left"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_faults_are_noticed(tmp_path: Path, name: str) -> None:
    text, fault = PLANTED[name]
    (tmp_path / "planted.py").write_text(text, "utf-8")
    assert any(message.endswith(fault) for message in faults(tmp_path))


def imported_names(path: Path) -> Iterator[str]:
    """Yield the full names of what a module imports; a relative one begins with a dot."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                yield f"{module}.{alias.name}"


def test_no_module_of_tests_imports_another() -> None:
    """What they share is in harness/; the tests of kit have a folder of their own for that."""
    for path in python_files(ROOT / "tests"):
        for name in imported_names(path):
            assert not re.search(r"(^|\.)test_", name), f"{path}: {name}"
            if {"accounts_kit", "kit"}.isdisjoint(path.parts):
                assert name.partition(".")[0] not in {"tests", ""}, f"{path}: {name}"


@pytest.mark.parametrize("folder", sorted({*OWN} - {"tests"}))
def test_programs_import_no_tests(folder: str) -> None:
    for path in python_files(ROOT / folder):
        for name in imported_names(path):
            assert name.partition(".")[0] != "tests", f"{path}: {name}"
