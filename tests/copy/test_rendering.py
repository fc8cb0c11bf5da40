"""Every combination of answers gives a clean project, and nothing but what was asked for."""

import ast
import configparser
import io
import itertools
import json
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from harness.combinations import combinations, describe
from harness.dockerfile import parse
from harness.processes import run
from harness.project import Project
from harness.template import DATABASES, Answers, Render, choices, files, packages, render

# Not the expressions of GitHub Actions: ${{ ... }}
JINJA = re.compile(r"(?<!\$)\{\{|\{%|\{#")
TEMPLATE = re.compile(
    r"copier|jinja|fastapi-service-template|\b(the|this|a) template\b", re.IGNORECASE
)
# The headings of what both pages say about owners and updates.
UPDATES = re.compile(r"## (?:Where things are|Update to a newer version of the template)\n")
SECRET = re.compile(
    r"(?i)(password|secret|token|api_key)\s*[=:]\s*['\"]?\w{8,}|BEGIN .*PRIVATE KEY"
)
# Names and descriptions that would break a careless template. Text in braces says `zq9`.
NAMES = ["ab", "a" * 40, "null", "class", "user", "true", "a-1-b-2", "x86", "app", "no"]
DESCRIPTIONS = [
    'He lines_of "\'\'\'" and \\"""\\ then \\n left: #1 & <b>more</b>',
    "{{ 7*7 zq9 }} {% raw %} zq9 ${PATH} {# zq9 #}",
    "yes: [no, ~], &anchor *alias !tag | > - ? `$(date)` %(here)s %s {0}",
]
COMBINATIONS = combinations()
HOSTILE = list(
    zip(COMBINATIONS, itertools.cycle(NAMES), itertools.cycle(DESCRIPTIONS), strict=False)
)

# What each place to run and each CI brings; a file of two of them needs both.
OPTIONAL = {
    "Dockerfile": {"docker"},
    ".dockerignore": {"docker"},
    "compose.yaml": {"docker"},
    "deploy/nginx/nginx.conf": {"docker"},
    "deploy/kubernetes/README.md": {"kubernetes"},
    "deploy/kubernetes/image/kustomization.yaml": {"kubernetes"},
    "deploy/kubernetes/migration/kustomization.yaml": {"kubernetes"},
    "deploy/kubernetes/migration/job.yaml": {"kubernetes"},
    "deploy/kubernetes/service/kustomization.yaml": {"kubernetes"},
    "deploy/kubernetes/service/deployment.yaml": {"kubernetes"},
    "deploy/kubernetes/service/service.yaml": {"kubernetes"},
    "deploy/kubernetes/service/disruption-budget.yaml": {"kubernetes"},
    "deploy/kubernetes/service/network-policy.yaml": {"kubernetes"},
    "deploy/kubernetes/migration/network-policy.yaml": {"kubernetes"},
    "deploy/kubernetes/service/autoscaler.yaml": {"kubernetes"},
    ".github/dependabot.yml": {"github"},
    ".github/workflows/check.yml": {"github"},
    ".github/workflows/image.yml": {"github", "docker"},
    ".gitlab-ci.yml": {"gitlab"},
    ".gitlab/ci/check.yml": {"gitlab"},
    ".gitlab/ci/renovate.yml": {"gitlab"},
    ".gitlab/ci/image.yml": {"gitlab", "docker"},
    "renovate.json": {"gitlab"},
}

# What updating consists of, and what says whose kit/ is.
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

Rendered = tuple[Path, Answers]


@pytest.fixture(
    scope="module", params=HOSTILE, ids=[f"{describe(row[0])}-{row[1][:8]}" for row in HOSTILE]
)
def combination(
    request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Rendered:
    closed, name, description = request.param
    answers = {"service_name": name, "description": description, **closed}
    return render(source, tmp_path_factory.mktemp("rendered") / name, answers), answers


def texts(folder: Path) -> Iterable[tuple[str, str]]:
    return ((str(path.relative_to(folder)), path.read_text("utf-8")) for path in files(folder))


def test_no_jinja_is_left(combination: Rendered) -> None:
    folder, _ = combination
    left = [
        f"{name}: {line}"
        for name, text in texts(folder)
        for line in [name, *text.splitlines()]
        if JINJA.search(line) and "zq9" not in line
    ]
    assert not left
    assert not [path for path in files(folder) if path.suffix == ".jinja"]


def test_files_parse(combination: Rendered) -> None:
    folder, answers = combination
    major, minor = map(int, answers["python_version"].split("."))
    for name, text in texts(folder):
        if name.endswith(".py"):
            # An older Python cannot read what a newer one may write.
            version = min((major, minor), sys.version_info[:2])
            ast.parse(text, name, feature_version=version)
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


def test_answers_arrive(combination: Rendered) -> None:
    folder, answers = combination
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["name"] == answers["service_name"]
    assert project["project"]["description"] == answers["description"]
    assert project["project"]["requires-python"] == f">={answers['python_version']}"
    assert project["dependency-groups"] == {"dev": ["kit[dev]"]}
    kit = tomllib.loads((folder / "kit/pyproject.toml").read_text("utf-8"))
    assert kit["project"]["requires-python"] == f">={answers['python_version']}"
    assert project["tool"]["mypy"]["python_version"] == answers["python_version"]
    assert project["tool"]["ruff"]["target-version"] == f"py{answers['python_version']}".replace(
        ".", ""
    )
    recorded = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    assert recorded.items() >= answers.items()


def test_no_scars(combination: Rendered) -> None:
    """A tag that was taken out must not leave a gap, a trailing blank or a missing newline."""
    folder, _ = combination
    scars = [
        name
        for name, text in texts(folder)
        if text and re.search(r"\A\n|[ \t]\n|[ \t]\Z|\n{4}|\n\n\Z|[^\n]\Z|\r", text)
    ]
    assert not scars


def code(text: str) -> str:
    """Return Python without its comments and docstrings, which may compare databases."""
    kept, start = [], True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        prose = token.type == tokenize.COMMENT or (token.type == tokenize.STRING and start)
        kept += [] if prose else [token.string]
        start = token.type in {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT}
    return " ".join(kept)


def test_other_databases_are_absent(combination: Rendered) -> None:
    """Neither a file nor a line of code nor a package of a database that was not asked for.

    .gitignore is one file for all; comments and Markdown may tell why something is as it is.
    """
    folder, answers = combination
    mine = answers["database"]
    words = {
        word
        for other in DATABASES
        if other != mine
        for word in {other, *packages(other)} - {mine, *packages(mine)}
    }
    strangers = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    found = [
        name
        for name, text in texts(folder)
        if strangers.search(name)
        or (
            name != ".gitignore"
            and not name.endswith(".md")
            and strangers.search(code(text) if name.endswith(".py") else text)
        )
    ]
    assert not found


def test_database_files_come_and_go(rendered: Render) -> None:
    """A database is a set of whole files: the rest of the tree is the same for all of them."""
    trees = {}
    for database in DATABASES:
        folder = rendered(database, database=database)
        trees[database] = {str(path.relative_to(folder)) for path in files(folder)}
    common = set.intersection(*trees.values())
    for database, tree in trees.items():
        assert tree - common
        assert not [name for name in tree - common if not is_of(database, Path(name))]


def is_of(database: str, path: Path) -> bool:
    """Return whether the name says so, or a folder above it is called like the database."""
    return path.stem.startswith(database) or database in path.parts[:-1]


def test_files_of_options_come_and_go(combination: Rendered, source: Path, tmp_path: Path) -> None:
    """A project has what its answers asked for, and besides it what every project has."""
    folder, answers = combination
    asked = {answers["ci"], *answers["deploy"]}
    bare = render(source, tmp_path / folder.name, {**answers, "deploy": [], "ci": "none"})
    everywhere = {name for name, _ in texts(bare)}
    assert not everywhere & OPTIONAL.keys()
    wanted = {name for name, needed in OPTIONAL.items() if needed <= asked}
    assert {name for name, _ in texts(folder)} == everywhere | wanted


def test_template_is_not_mentioned(combination: Rendered) -> None:
    """Once made, the project is its owner's; only updating has to know where it came from."""
    folder, _ = combination
    for name, text in texts(folder):
        if name in UPDATING:
            assert TEMPLATE.search(text), name
            continue
        allowed = ""
        if name in {"README.md", "AGENTS.md"}:
            sections = re.split(r"(?m)^(?=##? )", text)
            allowed = "".join(part for part in sections if UPDATES.match(part))
        elif name == "kit/make.mk":
            update = r"^COPIER := .*?$|^\.PHONY: \.copier\n.*?^# Files that targets need"
            allowed = "".join(re.findall(f"(?ms){update}", text))
        lines = [line for line in text.splitlines() if TEMPLATE.search(line)]
        assert not [line for line in lines if line not in allowed], name


def test_no_secrets(combination: Rendered) -> None:
    """Tests of the project may have passwords: theirs open nothing."""
    folder, _ = combination
    found = [name for name, text in texts(folder) if SECRET.search(text)]
    assert not [name for name in found if not name.startswith("tests/")]


def test_nothing_is_random(combination: Rendered, source: Path, tmp_path: Path) -> None:
    folder, answers = combination
    again = render(source, tmp_path / folder.name, answers)
    assert dict(texts(again)) == dict(texts(folder))


def test_linter_and_formatter_are_content(combination: Rendered) -> None:
    folder, _ = combination
    ruff = (sys.executable, "-m", "ruff")
    run(*ruff, "check", "--no-cache", ".", cwd=folder)
    run(*ruff, "format", "--check", "--no-cache", ".", cwd=folder)


def test_types_are_right(project: Project, source: Path, tmp_path: Path) -> None:
    """As the oldest Python and the newest see them; other answers make no difference to Python."""
    pythons = choices("python_version")
    for version in (pythons[0], pythons[-1]):
        answers = {"database": project.database, "python_version": version}
        folder = render(source, tmp_path / version, answers)
        run("mypy", cwd=folder, env={"PATH": project.path}, timeout=120)
