"""A copy has the files that its answers ask for: nothing of other databases, CI or options."""

import functools
import io
import re
import tokenize
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.template import (
    DATABASES,
    Answers,
    Copy,
    Render,
    packages,
    render,
    texts,
    validators,
)

PARTS = set(validators("telemetry"))
# The answers to `deploy`, `ci` and `telemetry` that a file needs, all of them.
OPTIONAL = {
    "Dockerfile": {"docker"},
    ".dockerignore": {"docker"},
    "compose.yaml": {"docker"},
    "deploy/nginx/nginx.conf": {"docker"},
    "deploy/kubernetes/README.md": {"kubernetes"},
    "deploy/kubernetes/image/kustomization.yaml": {"kubernetes"},
    "deploy/kubernetes/after-rollout/kustomization.yaml": {"kubernetes"},
    "deploy/kubernetes/migration/kustomization.yaml": {"kubernetes"},
    "deploy/kubernetes/migration/job.yaml": {"kubernetes"},
    "deploy/kubernetes/service/kustomization.yaml": {"kubernetes"},
    "deploy/kubernetes/service/deployment.yaml": {"kubernetes"},
    "deploy/kubernetes/service/service.yaml": {"kubernetes"},
    "deploy/kubernetes/service/disruption-budget.yaml": {"kubernetes"},
    "deploy/kubernetes/service/network-policy.yaml": {"kubernetes"},
    "deploy/kubernetes/migration/network-policy.yaml": {"kubernetes"},
    "deploy/kubernetes/service/autoscaler.yaml": {"kubernetes"},
    "compose.opentelemetry.yaml": {"docker", "opentelemetry"},
    "compose.prometheus.yaml": {"docker", "prometheus"},
    "compose.sentry.yaml": {"docker", "sentry"},
    "deploy/grafana/dashboards/service.yaml": {"docker", "prometheus"},
    "deploy/grafana/datasources/prometheus.yaml": {"docker", "prometheus"},
    "deploy/grafana/datasources/tempo.yaml": {"docker", "opentelemetry"},
    "deploy/opentelemetry/collector.yaml": {"docker", "opentelemetry"},
    "deploy/opentelemetry/tempo.yaml": {"docker", "opentelemetry"},
    "deploy/prometheus/prometheus.yaml": {"docker", "prometheus"},
    "deploy/kubernetes/telemetry/operator/kustomization.yaml": {"kubernetes", "prometheus"},
    "deploy/kubernetes/telemetry/operator/metrics-service.yaml": {"kubernetes", "prometheus"},
    "deploy/kubernetes/telemetry/operator/service-monitor.yaml": {"kubernetes", "prometheus"},
    "deploy/kubernetes/telemetry/operator/prometheus-rule.yaml": {"kubernetes", "prometheus"},
    ".github/dependabot.yml": {"github"},
    ".github/workflows/check.yml": {"github"},
    ".github/workflows/compat.yml": {"github"},
    ".github/workflows/image.yml": {"github", "docker"},
    ".github/workflows/rehearse.yml": {"github"},
    ".gitlab-ci.yml": {"gitlab"},
    ".gitlab/ci/check.yml": {"gitlab"},
    ".gitlab/ci/compat.yml": {"gitlab"},
    ".gitlab/ci/renovate.yml": {"gitlab"},
    ".gitlab/ci/image.yml": {"gitlab", "docker"},
    ".gitlab/ci/rehearse.yml": {"gitlab"},
    "renovate.json": {"gitlab"},
}
# Files that need one of these answers to `telemetry` besides.
ANY_TELEMETRY = {
    "compose.telemetry.yaml": ("docker", {"opentelemetry", "prometheus"}),
    "deploy/kubernetes/telemetry/README.md": ("kubernetes", PARTS),
    "deploy/kubernetes/telemetry/after-rollout/kustomization.yaml": ("kubernetes", PARTS),
    "deploy/kubernetes/telemetry/migration/kustomization.yaml": ("kubernetes", PARTS),
    "deploy/kubernetes/telemetry/service/kustomization.yaml": ("kubernetes", PARTS),
}
# Files of one answer to `auth`, if Kubernetes is asked for.
ACCOUNTS = {
    "deploy/kubernetes/accounts/kustomization.yaml",
    "deploy/kubernetes/accounts/cronjob.yaml",
    "deploy/kubernetes/accounts/network-policy.yaml",
}
# Files for metrics that need any answer to `deploy`.
ANY_DEPLOY = {
    "deploy/prometheus/alerts.yaml",
    "deploy/prometheus/alerts-test.yaml",
    "deploy/prometheus/dashboard.json",
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
    database = combination.answers["database"]
    for name, text in texts(combination.folder).items():
        assert not words_of_others(database).search(name)
        if name != ".gitignore" and not name.endswith(".md"):
            assert not names_others(database, text, is_python=name.endswith(".py")), name


@functools.cache
def names_others(database: str, text: str, *, is_python: bool) -> bool:
    """Return whether a file, which many copies may have, names another database."""
    return bool(words_of_others(database).search(code(text) if is_python else text))


@functools.cache
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


def part_of(path: Path) -> str | None:
    """Return the part of telemetry that a folder of the file is named after, if any.

    Each part has such a folder in kit/ and among the manifests; other tests read their contents.
    """
    folders = (Path("kit/_internal/telemetry"), Path("deploy/kubernetes/telemetry"))
    for folder in folders:
        if path.is_relative_to(folder):
            name = path.relative_to(folder).parts[0]
            if name in PARTS:
                return name
    return None


def optional_files(answers: Answers) -> set[str]:
    """Return the files that these answers ask for, without those in folders of parts."""
    asked = {answers["ci"], *answers["deploy"], *answers["telemetry"]}
    names = {name for name, needed in OPTIONAL.items() if needed <= asked}
    for name, (deploy, parts) in ANY_TELEMETRY.items():
        if deploy in asked and parts & asked:
            names.add(name)
    if answers["deploy"] and "prometheus" in asked:
        names |= ANY_DEPLOY
    if answers["auth"] == "accounts" and "kubernetes" in asked:
        names |= ACCOUNTS
    return names


@pytest.fixture(scope="module")
def bare_names(
    source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], set[str]]:
    """Return a function that returns the files of every project with a database and an `auth`."""

    @functools.cache
    def names(database: str, auth: str) -> set[str]:
        nothing = {"deploy": [], "ci": "none", "telemetry": []}
        folder = tmp_path_factory.mktemp("bare") / "orders"
        return {*texts(render(source, folder, {"database": database, "auth": auth, **nothing}))}

    return names


def test_files_of_options_come_and_go(
    combination: Copy, bare_names: Callable[[str, str], set[str]]
) -> None:
    """A project has the files of its answers, and the files of every project."""
    answers = combination.answers
    bare = bare_names(answers["database"], answers["auth"])
    optional = OPTIONAL.keys() | ANY_TELEMETRY.keys() | ANY_DEPLOY | ACCOUNTS
    assert not bare & optional
    assert not any(part_of(Path(name)) for name in bare)
    names = set()
    for name in texts(combination.folder):
        if part_of(Path(name)) is None:
            names.add(name)
    assert names == bare | optional_files(answers)


def test_folders_of_telemetry_come_and_go(combination: Copy) -> None:
    """Each chosen part has its folders, and no other part has."""
    answers = combination.answers
    present: dict[str, set[str | None]] = {"kit": set(), "deploy": set()}
    for name in texts(combination.folder):
        present.get(Path(name).parts[0], set()).add(part_of(Path(name)))
    chosen = set(answers["telemetry"])
    assert present["kit"] - {None} == chosen
    if "kubernetes" in answers["deploy"]:
        assert present["deploy"] - {None} == chosen
    else:
        assert present["deploy"] <= {None}


def test_settings_of_chosen_parts_only(combination: Copy) -> None:
    text = (combination.folder / "kit/_internal/telemetry/chosen.py").read_text("utf-8")
    imported = re.findall(r"(?m)^from kit\._internal\.telemetry\.(\w+) import settings", text)
    assert imported == sorted(combination.answers["telemetry"])


def test_code_of_authentication_is_that_of_the_answer(combination: Copy) -> None:
    folders = (combination.folder / "kit/_internal/auth").glob("*/")
    assert {folder.name for folder in folders} == {combination.answers["auth"]}
