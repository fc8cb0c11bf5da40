"""What a service may import from kit stays compatible within a major release."""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import interface
from harness.releases import edit, publish, released, tagged_clone, version
from harness.template import DATABASES, ROOT, render
from harness.template_scripts import tags

# Changes of code that services may use: the file, the old text, the new text, and the report.
INCOMPATIBLE = {
    "a name is not exported": (
        "errors.py",
        '    "ProblemError",\n',
        "",
        "kit.errors.ProblemError is not public any more",
    ),
    "a name is removed": (
        "pagination.py",
        "def decode_cursor(",
        "def decode(",
        "kit.pagination.decode_cursor",
    ),
    "a method is removed": (
        "db.py",
        "async def write_session(",
        "async def writing_session(",
        "kit.db.Source.write_session",
    ),
    "a setting is renamed": (
        "settings.py",
        "    pool_overflow: int",
        "    overflow: int",
        "kit.settings.Settings.pool_overflow",
    ),
    "a parameter is removed": (
        "_internal/testing/clients.py",
        "status: int, kind: str | None = None)",
        "status: int)",
        "assert_problem: Parameter was removed (kind",
    ),
    "a parameter is required": (
        "_internal/problems.py",
        "detail: str,\n        kind: str | None = None,",
        "detail: str,\n        kind: str | None,",
        "ProblemError.__init__: Parameter is now required (kind",
    ),
}
COMPATIBLE = {
    "internal": ("_internal/limits.py", "max_body_size: int) ->", "most: int) ->"),
    "not exported": ("serving.py", "def folders_of(package", "def folders_of(name"),
    "one parameter more": (
        "serving.py",
        "settings_class: type[Settings])",
        "settings_class: type[Settings], own: bool = False)",
    ),
}


@pytest.fixture
def copies(tmp_path: Path) -> tuple[Path, Path]:
    """Return two folders with kit/."""
    for name in ("old", "new"):
        shutil.copytree(ROOT / "template/kit", tmp_path / name / "kit")
        interface.render_kit(tmp_path / name)
    return tmp_path / "old", tmp_path / "new"


@pytest.mark.parametrize("change", INCOMPATIBLE)
def test_incompatible_change_is_reported(copies: tuple[Path, Path], change: str) -> None:
    name, old, new, reported = INCOMPATIBLE[change]
    edit(copies[1] / "kit" / name, old, new)
    assert reported in "\n".join(interface.breaking_changes(*copies))


@pytest.mark.parametrize("change", COMPATIBLE)
def test_compatible_change_is_not_reported(copies: tuple[Path, Path], change: str) -> None:
    name, old, new = COMPATIBLE[change]
    edit(copies[1] / "kit" / name, old, new)
    assert interface.breaking_changes(*copies) == []


def compare(source: Path, folder: Path, last: str, commit: str, coming: str) -> list[str]:
    """Return the breaking changes since a release; none before kit/ or in a major release."""
    before = interface.extract_kit(source, folder, commit)
    if before is None or interface.may_break(last, coming):
        return []
    shutil.copytree(ROOT / "template/kit", folder / "new/kit")
    return interface.breaking_changes(before, interface.render_kit(folder / "new"))


def test_interface_is_that_of_the_last_release(tmp_path: Path) -> None:
    """The first release with kit/, 2.0, has nothing to be compared with."""
    last, commit = list(released().items())[-1]
    headings = tags.headings((ROOT / "CHANGELOG.md").read_text("utf-8"))
    coming = max(headings, key=version)
    assert compare(ROOT, tmp_path, last, commit, coming) == []


def test_release_is_compared_with_the_last(tmp_path: Path) -> None:
    source = tagged_clone(tmp_path / "clone").source
    pagination = source / "template/kit/pagination.py"
    edit(pagination, "PAGE_SIZE_MAX = 100", "PAGE_SIZE_MAX = 100\nOLD = 1")
    edit(pagination, '    "PAGE_SIZE",', '    "OLD",\n    "PAGE_SIZE",')
    publish(source, "90.0.0")
    for coming, is_refused in (("90.1.0", True), ("91.0.0", False)):
        folder = tmp_path / coming
        folder.mkdir()
        changes = compare(source, folder, "90.0.0", "90.0.0", coming)
        assert ("kit.pagination.OLD is not public any more" in changes) is is_refused


def test_every_public_name_is_described(copies: tuple[Path, Path]) -> None:
    """By a docstring, or a constant by a comment; docs/reference/kit.md is generated from them."""
    kit = interface.load_kit(copies[0])
    for module in interface.public_modules(kit):
        assert module.docstring, module.path
        for member in interface.public_members(module):
            assert interface.description_of(member), f"{module.path}.{member.name}"


def imported(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the modules of kit that a file imports, and the names that it takes from them."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("database", DATABASES)
def test_service_imports_what_is_public(source: Path, tmp_path: Path, database: str) -> None:
    """Own files of the project; kit._internal is only for kit, scripts and the tests of kit."""
    folder = render(source, tmp_path / "orders", {"database": database})
    kit = interface.load_kit(folder)
    public = {module.path: module.exports or [] for module in interface.public_modules(kit)}
    own = [path for path in folder.rglob("*.py") if is_own(path.relative_to(folder))]
    assert own
    for path in own:
        for module, name in imported(path):
            if module.partition(".")[0] == "kit":
                where = f"{path.relative_to(folder)}: {module}.{name}"
                assert module in public, where
                assert name is None or name == "*" or name in public[module], where


def is_own(path: Path) -> bool:
    """Return whether a file belongs to the project; tests/kit/ belongs to kit."""
    return path.parts[0] not in {"kit", "scripts"} and path.parts[:2] != ("tests", "kit")
