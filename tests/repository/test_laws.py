"""The laws of the house that can be counted, on the template and on what it generates."""

import ast
import re
from pathlib import Path

import pytest

from harness.processes import only
from harness.template import DATABASES, ROOT, Render, files

TEMPLATE = ROOT / "template"
# Files whose kind has no other way than `for` to list what an answer brings.
LOOPS = {"pyproject.toml.jinja", "dependabot.yml.jinja"}
TAG = re.compile(r"\{%-?\s*(\w+)")
USE = re.compile(r"\{\{.*?\}\}")
# An expression of GitHub Actions, which has braces of its own.
EXPRESSION = re.compile(r"\$\{\{ [^{}]* \}\}")
# Files of one name of which each database has its own.
VARIANT = re.compile(r"\{% if database == '(\w+)' %\}([\w.]+)\{% endif %\}\.jinja")


def python_files(folder: Path, *parts: str) -> list[Path]:
    return [path for part in parts for path in sorted((folder / part).rglob("*.py"))]


@pytest.mark.parametrize("database", DATABASES)
def test_zone_of_the_project_has_few_files(rendered: Render, database: str) -> None:
    """A newcomer reads all of it; the tests of kit are not in it."""
    folder = rendered(database=database)
    paths = python_files(folder, "app", "migrations", "tests")
    assert len(paths) <= 20
    assert not (folder / "tests/kit").exists()


def test_tests_say_what_there_is_instead_of_one() -> None:
    """`(x,) = values` fails with "not enough values to unpack", `only(values)` with the values."""
    unpacking = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files(ROOT, "tests", "template/tests")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Tuple | ast.List) and len(target.elts) == 1
    ]
    assert not unpacking


def templates() -> list[Path]:
    return [path for path in files(TEMPLATE) if path.suffix == ".jinja"]


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
def test_whole_files_instead_of_branches(path: Path) -> None:
    """Law 9: no `if` in a body; in Python at most one line a hub for each option."""
    text = path.read_text("utf-8")
    tags = set(TAG.findall(text))
    assert tags <= ({"for", "endfor"} if path.name in LOOPS else set())
    assert tags or USE.search(text), "without a tag it need not end in .jinja"
    if path.name.endswith(".py.jinja"):
        hubs = [line for line in text.splitlines() if re.search(r"\{\{\s*database\s*\}\}", line)]
        assert len(hubs) <= 1


def test_only_templates_have_tags() -> None:
    """A file without .jinja is copied as it stands: what a linter reads is what is delivered."""
    plain = [path for path in files(TEMPLATE) if path.suffix not in {".jinja", ".pyc"}]
    texts = {path: EXPRESSION.sub("", path.read_text("utf-8")) for path in plain}
    assert not [path for path, text in texts.items() if re.search(r"\{\{ | \}\}|\{%", text)]


def test_names_of_files_ask_for_a_database_only() -> None:
    """Where a name is prescribed, each database has a file of it; else files have other names."""
    names = [path for path in files(TEMPLATE) if "{%" in str(path.relative_to(TEMPLATE))]
    variants: dict[Path, set[str]] = {}
    for path in names:
        found = VARIANT.fullmatch(path.name)
        assert found, path
        variants.setdefault(path.parent / found[2], set()).add(found[1])
    assert variants
    assert all(databases == set(DATABASES) for databases in variants.values())


def test_one_revision_with_a_fixed_id_and_date(rendered: Render) -> None:
    """Law 2: the template owns the first revision, and it is the same for ever."""
    for database in DATABASES:
        folder = rendered(database, database=database)
        revision = only((folder / "migrations/versions").glob("*.py"))
        assert revision.name == "2026_01_01_0000-create_users.py"
        assert 'revision: str = "8c1f4b6d2e0a"' in revision.read_text("utf-8")
