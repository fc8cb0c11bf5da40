"""Every combination of answers gives a clean project."""

import ast
import configparser
import functools
import json
import re
import sys
import tomllib
from pathlib import Path

import yaml

from harness.dockerfile import parse
from harness.processes import run
from harness.project import Project
from harness.template import DATABASES, Copy, choices, render, texts

# Not the expressions of GitHub Actions: ${{ ... }}
# Not `{{status}}` and `{{$labels.database}}`, without spaces: Grafana and Prometheus replace those.
JINJA = re.compile(r"(?<!\$)\{\{(?!\$?[\w.]+\}\})|\{%|\{#")
TEMPLATE = re.compile(
    r"copier|jinja|fastapi-service-template|\b(the|this|a) template\b", re.IGNORECASE
)
# The headings of the sections about updates in README.md and AGENTS.md.
UPDATES = r"## (?:Where things are|Update to a newer version of the template)\n"
SECRET_NAME = r"(?i)(password|secret|token|api_key)\s*[=:]\s*"
SECRET = re.compile(rf"{SECRET_NAME}['\"]?\w{{8,}}|BEGIN .*PRIVATE KEY")
# In Python, what has no quotes is an expression or a type.
SECRET_IN_PYTHON = re.compile(rf"{SECRET_NAME}['\"]\w{{8,}}|BEGIN .*PRIVATE KEY")
# Files about updates, and about the owner of kit/.
UPDATING = {
    ".copier-answers.yml",
    "kit/README.md",
    "kit/__init__.py",
    "renovate.json",
    "scripts/changes.py",
    "scripts/clone.py",
    "scripts/conflicts.py",
    "scripts/preconditions.py",
    "scripts/programs.py",
    "scripts/release.py",
    "scripts/renames.py",
    "scripts/tags.py",
    "scripts/update.py",
    "scripts/zones.py",
}


def test_no_jinja_is_left(combination: Copy) -> None:
    for name, text in texts(combination.folder).items():
        assert not name.endswith(".jinja")
        assert not lines_with_jinja(name), name
        assert not lines_with_jinja(text), name


@functools.cache
def lines_with_jinja(text: str) -> list[str]:
    """Return lines with Jinja that are not from a description; most files are in many copies."""
    return [line for line in text.splitlines() if "zq9" not in line and JINJA.search(line)]


def test_files_parse(combination: Copy) -> None:
    major, minor = map(int, combination.answers["python_version"].split("."))
    for name, text in texts(combination.folder).items():
        if name.endswith(".py"):
            # An older Python cannot parse the syntax of a newer one.
            parse_python(text, min((major, minor), sys.version_info[:2]))
        elif name.endswith(".toml"):
            tomllib.loads(text)
        elif name.endswith((".yml", ".yaml")):
            assert list(yaml.safe_load_all(text))
        elif name.endswith(".json"):
            json.loads(text)
        elif name == "Dockerfile":
            assert parse(text)
        elif name.endswith((".ini", ".editorconfig")):
            configparser.ConfigParser().read_string(f"[top]\n{text}")


@functools.cache
def parse_python(text: str, version: tuple[int, int]) -> None:
    """Raise SyntaxError unless a version of Python can parse a file, which many copies may have."""
    ast.parse(text, feature_version=version)


def test_answers_arrive(combination: Copy) -> None:
    folder, answers = combination.folder, combination.answers
    version = answers["python_version"]
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["name"] == answers["service_name"]
    assert project["project"]["description"] == answers["description"]
    assert project["project"]["requires-python"] == f">={version}"
    assert project["dependency-groups"] == {"dev": ["kit[dev]"]}
    kit = tomllib.loads((folder / "kit/pyproject.toml").read_text("utf-8"))
    assert kit["project"]["requires-python"] == f">={version}"
    assert project["tool"]["mypy"]["python_version"] == version
    assert project["tool"]["ruff"]["target-version"] == f"py{version.replace('.', '')}"
    recorded = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    assert recorded.items() >= answers.items()


def test_blank_lines_and_line_ends_are_clean(combination: Copy) -> None:
    """Tags of Jinja leave no gaps, no blanks at the end of a line, and a newline at the end."""
    for name, text in texts(combination.folder).items():
        if text:
            assert not re.search(r"\A\n|[ \t]\n|[ \t]\Z|\n{4}|\n\n\Z|[^\n]\Z|\r", text), name


def test_template_is_not_mentioned(combination: Copy) -> None:
    """Only files and sections about updates mention where the project comes from."""
    for name, text in texts(combination.folder).items():
        if name in UPDATING:
            assert TEMPLATE.search(text), name
        else:
            assert not TEMPLATE.search(without_updates(name, text)), name


def without_updates(name: str, text: str) -> str:
    """Return the text of a file without its sections about updates."""
    if name in {"README.md", "AGENTS.md"}:
        return re.sub(rf"(?ms)^{UPDATES}.*?(?=^##? |\Z)", "", text)
    if name == "kit/make.mk":
        update = r"^COPIER := .*?$|^\.PHONY: \.copier\n.*?^# Files that targets need"
        return re.sub(f"(?ms){update}", "", text)
    return text


def test_no_secrets(combination: Copy) -> None:
    """The project's tests may have passwords, which are not in use anywhere else."""
    for name, text in texts(combination.folder).items():
        pattern = SECRET
        if name.endswith(".py"):
            pattern = SECRET_IN_PYTHON
        if not name.startswith("tests/"):
            assert not pattern.search(text), name


def test_nothing_is_random(combination: Copy, source: Path, tmp_path: Path) -> None:
    again = render(source, tmp_path / combination.folder.name, combination.answers)
    assert texts(again) == texts(combination.folder)


def test_code_is_linted_and_formatted(combination: Copy) -> None:
    folder = combination.folder
    ruff = (sys.executable, "-m", "ruff")
    run(*ruff, "check", "--no-cache", ".", cwd=folder)
    run(*ruff, "format", "--check", "--no-cache", ".", cwd=folder)


def test_types_are_right(project: Project, source: Path, tmp_path: Path) -> None:
    """For the oldest Python with one database and the newest with the other.

    For the default Python and other answers, `make check` of other tests checks them.
    """
    pythons = choices("python_version")
    version = (pythons[0], pythons[-1])[DATABASES.index(project.database) % 2]
    answers = {"database": project.database, "python_version": version}
    folder = render(source, tmp_path / "orders", answers)
    run("mypy", cwd=folder, env={"PATH": project.path}, timeout=300)
