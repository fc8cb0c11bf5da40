"""A copy has the files that its answers ask for: nothing of other databases, CI or deployments."""

import io
import re
import tokenize
from pathlib import Path

from harness.template import DATABASES, Copy, Render, packages, render, texts

# The answers to `deploy` and `ci` that a file needs, all of them.
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


def code(text: str) -> str:
    """Return Python without its comments and docstrings, which may compare databases."""
    words = []
    is_start = True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_docstring = token.type == tokenize.STRING and is_start
        if token.type != tokenize.COMMENT and not is_docstring:
            words.append(token.string)
        is_start = token.type in {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT}
    return " ".join(words)


def test_other_databases_are_absent(combination: Copy) -> None:
    """There is no file, code or package of a database that was not asked for.

    .gitignore is the same for all; comments and Markdown may compare databases.
    """
    others = words_of_others(combination.answers["database"])
    for name, text in texts(combination.folder).items():
        assert not others.search(name)
        if name.endswith(".py"):
            assert not others.search(code(text)), name
        elif name != ".gitignore" and not name.endswith(".md"):
            assert not others.search(text), name


def words_of_others(database: str) -> re.Pattern[str]:
    """Return a pattern of the names of the other databases and of their packages."""
    words: set[str] = set()
    for other in DATABASES:
        words |= {other, *packages(other)}
    words -= {database, *packages(database)}
    return re.compile("|".join(map(re.escape, words)), re.IGNORECASE)


def test_database_files_come_and_go(rendered: Render) -> None:
    """All other files have the same names for every database."""
    trees = {}
    for database in DATABASES:
        trees[database] = {*texts(rendered(database, database=database))}
    common = set.intersection(*trees.values())
    for database, tree in trees.items():
        assert tree - common
        for name in tree - common:
            assert is_of(database, Path(name)), name


def is_of(database: str, path: Path) -> bool:
    """Return whether the name of a file or of one of its folders is that of the database."""
    return path.stem.startswith(database) or database in path.parts[:-1]


def test_files_of_options_come_and_go(combination: Copy, source: Path, tmp_path: Path) -> None:
    """A project has the files of its answers, and the files of every project."""
    answers = combination.answers
    asked = {answers["ci"], *answers["deploy"]}
    bare = render(source, tmp_path / "bare", {**answers, "deploy": [], "ci": "none"})
    expected = {*texts(bare)}
    assert not expected & OPTIONAL.keys()
    for name, needed in OPTIONAL.items():
        if needed <= asked:
            expected.add(name)
    assert texts(combination.folder).keys() == expected
