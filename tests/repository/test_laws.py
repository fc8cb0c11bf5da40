"""The rules for files that can be counted, of the template and of the projects it renders."""

import ast
import re
from pathlib import Path

import pytest

from harness.processes import only
from harness.template import DATABASES, ROOT, Render, files

TEMPLATE = ROOT / "template"
# Files whose format has no other way than `for` to list what an answer adds.
LOOPS = {".env.example.jinja", "chosen.py.jinja", "dependabot.yml.jinja", "pyproject.toml.jinja"}
TAG = re.compile(r"\{%-?\s*(\w+)")
USE = re.compile(r"\{\{.*?\}\}")
# An expression of GitHub Actions, which has braces of its own.
EXPRESSION = re.compile(r"\$\{\{ [^{}]* \}\}")
# Files of one name of which each database has its own.
VARIANT = re.compile(r"\{% if database == '(\w+)' %\}([\w.]+)\{% endif %\}\.jinja")


def python_files(folder: Path, *parts: str) -> list[Path]:
    paths = []
    for part in parts:
        paths += sorted((folder / part).rglob("*.py"))
    return paths


@pytest.mark.parametrize("database", DATABASES)
def test_zone_of_the_project_has_few_files(rendered: Render, database: str) -> None:
    """A newcomer reads all of it; the tests of kit are not in it."""
    folder = rendered(database=database)
    paths = python_files(folder, "app", "migrations", "tests")
    assert len(paths) <= 21
    assert not (folder / "tests/kit").exists()


def test_tests_unpack_a_single_value_with_only() -> None:
    """`(x,) = values` fails with "not enough values to unpack", `only(values)` with the values."""
    for path in python_files(ROOT, "tests", "template/tests"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    is_sequence = isinstance(target, ast.Tuple | ast.List)
                    assert not is_sequence or len(target.elts) > 1, f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", sorted(TEMPLATE.rglob("*.jinja")), ids=lambda path: path.name)
def test_whole_files_instead_of_branches(path: Path) -> None:
    """Law 9: no `if` in a body; a Python module has the answer to a question in one line only."""
    text = path.read_text("utf-8")
    tags = set(TAG.findall(text))
    assert not tags or (path.name in LOOPS and tags <= {"for", "endfor"})
    assert tags or USE.search(text), "without a tag it need not end in .jinja"
    if path.name.endswith(".py.jinja"):
        assert len(re.findall(r"(?m)^.*\{\{\s*database\s*\}\}.*$", text)) <= 1


def test_only_templates_have_tags() -> None:
    """A file without .jinja is copied as it is: what a linter reads is what is delivered."""
    for path in files(TEMPLATE):
        if path.suffix not in {".jinja", ".pyc"}:
            text = EXPRESSION.sub("", path.read_text("utf-8"))
            assert not re.search(r"\{\{ | \}\}|\{%", text), path


def test_names_of_files_ask_for_a_database_only() -> None:
    """If a name is prescribed, each database has a file with it; else files have other names."""
    variants: dict[Path, set[str]] = {}
    for path in files(TEMPLATE):
        if "{%" in str(path.relative_to(TEMPLATE)):
            match = VARIANT.fullmatch(path.name)
            assert match, path
            variants.setdefault(path.parent / match[2], set()).add(match[1])
    assert variants
    for path, databases in variants.items():
        assert databases == set(DATABASES), path


def test_one_revision_with_a_fixed_id_and_date(rendered: Render) -> None:
    """Law 2: the template owns the first revision, which never changes."""
    for database in DATABASES:
        folder = rendered(database, database=database)
        revision = only((folder / "migrations/versions").glob("*.py"))
        assert revision.name == "2026_01_01_0000-create_users.py"
        assert 'revision: str = "8c1f4b6d2e0a"' in revision.read_text("utf-8")
