"""Invalid answers are refused with a reason and an example, and write nothing; valid ones are stored."""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.processes import run
from harness.releases import commit, git
from harness.template import (
    CLOSED,
    COPIER,
    DATABASES,
    QUESTIONS,
    Render,
    render,
    texts,
)
from harness.updates import contents, revisions, update

BAD_ANSWERS = [
    ("service_name=", "a name is required"),
    ("service_name=Orders", "lower-case"),
    ("service_name=o", "2 to 40"),
    (f"service_name={'o' * 41}", "2 to 40"),
    ("service_name=orders-", "end in a hyphen"),
    ("service_name=1orders", "start with a letter"),
    ("service_name=my_orders", "hyphens"),
    ("service_name=größe", "lower-case letters"),
    ("service_name=../orders", "lower-case letters"),
    ("service_name=orders\n", "lower-case letters"),
    ("service_name=test", "standard library"),
    ("service_name=fastapi", "depends on"),
    ("service_name=alembic", "depends on"),
    ("service_name=postgres", "database"),
    ("description=", "a description is required"),
    ("description= ", "a description is required"),
    ("description= blank", "spaces"),
    ("description=two\nlines", "one line"),
    ("description=a\x1b[31mcolour", "control characters"),
    ("description=line\u2028separator", "one line"),
    ("package_name=", "1 to 30 lower-case letters"),
    ("package_name=Shipping", "lower-case letters"),
    ("package_name=my-orders", "underscores"),
    ("package_name=app.orders", "underscores"),
    ("package_name=app\n", "lower-case letters"),
    (f"package_name={'a' * 31}", "1 to 30"),
    ("package_name=class", "Python keyword"),
    ("package_name=logging", "standard library"),
    ("package_name=pydantic_core", "depends on"),
    ("package_name=yaml", "depends on"),
    ("package_name=migrations", "folder of the project"),
]

# The reason against Kubernetes with SQLite.
NO_CLUSTER = (
    "Kubernetes runs pods on several machines, but SQLite is a file on one; choose"
    " PostgreSQL or deploy without Kubernetes"
)


@pytest.fixture
def refusal(forking_python: Path, source: Path, tmp_path: Path) -> Callable[..., str]:
    """Return a function that copies with answers; it returns the last line of the refusal."""

    def refuse(*data: str) -> str:
        command = [forking_python, "-m", "copier", "copy", "--defaults"]
        for answer in data:
            command += ["--data", answer]
        done = run(*command, source, "orders", cwd=tmp_path, code=None)
        assert not list(tmp_path.iterdir())
        return done.stderr.splitlines()[-1]

    return refuse


@pytest.mark.parametrize(("data", "reason"), BAD_ANSWERS)
def test_bad_answer_is_refused(data: str, reason: str, source: Path, tmp_path: Path) -> None:
    """By copier's own function, which takes less time than the command."""
    name, _, answer = data.partition("=")
    with pytest.raises(ValueError, match=re.escape(reason)) as refused:
        render(source, tmp_path, {name: answer})
    assert re.search(r"for example:? \w+", str(refused.value))
    assert not list(tmp_path.iterdir())


def test_command_shows_the_reason(refusal: Callable[..., str]) -> None:
    data, reason = BAD_ANSWERS[0]
    message = refusal(data)
    assert message.startswith("ValueError: ")
    assert reason in message


def test_missing_name_is_asked_for(refusal: Callable[..., str]) -> None:
    assert "service_name" in refusal()


@pytest.mark.parametrize("question", CLOSED)
def test_unknown_choice_is_refused(question: str, refusal: Callable[..., str]) -> None:
    unknown = "[oracle]" if QUESTIONS[question].get("multiselect") else "oracle"
    message = refusal("service_name=orders", f"{question}={unknown}")
    assert question in message


def test_kubernetes_needs_a_database_server(refusal: Callable[..., str]) -> None:
    answers = ("service_name=orders", "database=sqlite", "deploy=[docker, kubernetes]")
    message = refusal(*answers)
    assert message == f"ValueError: Invalid choice for 'deploy': {NO_CLUSTER}"


def test_a_list_has_brackets(refusal: Callable[..., str]) -> None:
    message = refusal("service_name=orders", "deploy=docker")
    assert message == "TypeError: Not a YAML list: 'docker'"


def test_bad_answer_leaves_files_alone(forking_python: Path, source: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    copy = (forking_python, "-m", "copier", "copy", "--defaults", "--data", "service_name=Bad")
    run(*copy, source, ".", cwd=tmp_path, code=None)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_order_of_a_list_does_not_matter(rendered: Render) -> None:
    """Another order would be another answer, and a difference at every update."""
    for name, deploy in (("first", "[docker, kubernetes]"), ("second", "[kubernetes, docker]")):
        folder = rendered(name, deploy=yaml.safe_load(deploy))
        assert read_answers(folder)["deploy"] == ["docker", "kubernetes"]


def read_answers(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))


def test_package_has_the_name_that_was_asked_for(rendered: Render) -> None:
    """Files that name the package are rendered, and stay formatted with a long name."""
    name = "z" * 30
    folder = rendered("named", package_name=name)
    assert (folder / f"{name}/main.py").is_file()
    default = re.compile(r"(from|import) app\b|\bapp/|[\"\'`]app\.(main|settings|models)")
    for path, text in texts(folder).items():
        assert not default.search(text), path
    run(sys.executable, "-m", "ruff", "check", "--quiet", ".", cwd=folder)
    run(sys.executable, "-m", "ruff", "format", "--check", "--quiet", ".", cwd=folder)


def test_copying_runs_no_code() -> None:
    assert not COPIER.keys() & {"_tasks", "_jinja_extensions"}
    assert re.fullmatch(r"9\.\d+\.\d+", COPIER["_min_copier_version"])


@pytest.mark.seconds(20)
def test_answers_can_be_changed_later(source: Path, tmp_path: Path) -> None:
    """An update with other answers gives the same as a copy with them."""
    template = tmp_path / "template"
    shutil.copytree(source, template)
    commit_all(template)
    folder = render(template, tmp_path / "orders", {"deploy": ["docker"], "ci": "github"})
    commit_all(folder)
    for answers in (
        {"deploy": ["docker", "kubernetes"], "ci": "gitlab"},
        {"deploy": [], "ci": "none"},
    ):
        update(folder, "HEAD", data=answers)
        commit_all(folder)
        fresh = render(template, tmp_path / answers["ci"] / "orders", answers)
        assert contents(folder) == contents(fresh)
        assert revisions(folder) == revisions(fresh)


def commit_all(folder: Path) -> None:
    git("init", "--quiet", cwd=folder)
    commit(folder, "All")


def test_number_of_questions() -> None:
    assert 4 <= len(QUESTIONS) <= 9
    for name, question in QUESTIONS.items():
        assert not question.get("secret"), name


@pytest.mark.parametrize("database", DATABASES)
def test_only_answers_are_recorded(rendered: Render, database: str) -> None:
    """Neither defaults of the project nor values that were computed from answers."""
    answers = read_answers(rendered(database=database))
    assert answers.keys() - {"_commit", "_src_path"} == QUESTIONS.keys()
