"""Fixtures that several tests share do not depend on fixtures that folders override.

pytest keeps the value of a fixture of a session or module by its parameters, not by what it was made
of: it would give a folder with its own `project` what belongs to the project of another folder.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.template import ROOT


@dataclass(frozen=True)
class Fixture:
    """A fixture, the file that defines it, and the names of those that it requests."""

    name: str
    file: Path
    scope: str
    requested: frozenset[str]

    def can_override(self, other: "Fixture") -> bool:
        """Return whether this is the fixture of that name for some tests that see the other."""
        if self.name != other.name or self.file == other.file:
            return False
        return other.file.name == "conftest.py" and self.file.is_relative_to(other.file.parent)


def fixtures_of(file: Path) -> Iterator[Fixture]:
    """Yield the fixtures that are defined in a file."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if ast.unparse(decorator).startswith("pytest.fixture"):
                requested = frozenset(argument.arg for argument in node.args.args)
                yield Fixture(node.name, file, scope_of(decorator), requested)


def scope_of(decorator: ast.expr) -> str:
    """Return the scope that a decorator names; a function by default."""
    for keyword in getattr(decorator, "keywords", []):
        if keyword.arg == "scope":
            return str(ast.literal_eval(keyword.value))
    return "function"


def depends_on_overridden(fixture: Fixture, every: list[Fixture]) -> str | None:
    """Return the name of a fixture that this one depends on and that other files override."""
    names, pending = set[str](), set(fixture.requested)
    while pending:
        name = pending.pop()
        names.add(name)
        for seen in visible(name, fixture.file, every):
            if any(other.can_override(seen) for other in below(fixture.file, every)):
                return name
            pending |= seen.requested - names
    return None


def visible(name: str, file: Path, every: list[Fixture]) -> list[Fixture]:
    """Return the fixtures of this name that a file sees: its own, and those of folders above."""
    seen = []
    for fixture in every:
        if fixture.name == name:
            above = fixture.file.name == "conftest.py" and file.is_relative_to(fixture.file.parent)
            if above or fixture.file == file:
                seen.append(fixture)
    return seen


def below(file: Path, every: list[Fixture]) -> list[Fixture]:
    """Return the fixtures of other files for tests that also see the fixtures of this file."""
    if file.name != "conftest.py":
        return []
    return [each for each in every if each.file.is_relative_to(file.parent) and each.file != file]


def faults(folder: Path) -> list[str]:
    """Return the shared fixtures of a folder of tests that depend on an overridden one."""
    every = []
    for file in sorted(folder.rglob("*.py")):
        every += fixtures_of(file)
    listed = []
    for fixture in every:
        name = depends_on_overridden(fixture, every)
        if fixture.scope != "function" and name is not None:
            listed.append(f"{fixture.file.relative_to(folder)}: {fixture.name} depends on {name}")
    return listed


def test_shared_fixtures_do_not_depend_on_overridden_ones() -> None:
    assert not faults(ROOT / "tests")


FIXTURE = """
@pytest.fixture(scope="{scope}")
def {name}({requested}): ...
"""


def write(file: Path, *fixtures: tuple[str, str, str]) -> None:
    """Write fixtures, each with a scope, a name and what it requests."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = ""
    for scope, name, requested in fixtures:
        text += FIXTURE.format(scope=scope, name=name, requested=requested)
    file.write_text(text, "utf-8")


@pytest.mark.parametrize("file", ["telemetry/conftest.py", "telemetry/test_spans.py"])
@pytest.mark.parametrize(
    ("scope", "expected"),
    [("session", ["conftest.py: url depends on project"]), ("function", [])],
)
def test_fault_is_found(tmp_path: Path, file: str, scope: str, expected: list[str]) -> None:
    """Also if another fixture is between them."""
    write(
        tmp_path / "conftest.py",
        ("session", "project", "request"),
        ("function", "server", "project"),
        (scope, "url", "server"),
    )
    write(tmp_path / file, ("session", "project", "request"), ("session", "served", "project"))
    assert faults(tmp_path) == expected
