"""Hooks: the code that a release runs in a service, with releases that only exist in these tests."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from copier.errors import TaskError, UnsafeTemplateError

from harness.releases import Releases, commit, edit, git, publish, tagged_clone
from harness.template import COPIER, ROOT
from harness.updates import add_hook_entry, contents, start_service, status, update, update_command

pytestmark = [pytest.mark.slow, pytest.mark.seconds(60)]

HOOKS = """

@migration("90.0.0")
def rename_pagination(project: Project) -> None:
    project.rename("kit/pagination.py", "kit/pages/cursor.py")
    project.change_answer("ci", "gitlab", "gitlab-ci")


@migration("92.0.0")
def rename_logging(project: Project) -> None:
    project.rename("kit/logging.py", "kit/logs.py")
    project.rename("kit/errors.py", "kit/models.py")
"""
# A release with a hook, one after it without, and one with a hook that fails.
RENAMED, LATER, FAILING = "90.0.0", "91.0.0", "92.0.0"


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    made = tagged_clone(tmp_path_factory.mktemp("hooks") / "template")
    template = made.source / "template/kit"
    (template / "pages").mkdir()
    git("mv", template / "pagination.py", template / "pages/cursor.py", cwd=made.source)
    with (template / "pages/cursor.py").open("a") as file:
        file.write("\n# Added by the release.\n")
    edit(made.source / "options/60-ci.yml", "CD: gitlab", "CD: gitlab-ci")
    # copier applies the new release's `_exclude` to the old rendering, too.
    both = "ci not in ['gitlab', 'gitlab-ci']"
    edit(made.source / "options/60-ci.yml", "ci != 'gitlab'", both, 9)
    with (made.source / "hooks/releases.py").open("a") as file:
        file.write(HOOKS)
    add_hook_entry(made, RENAMED)
    publish(made.source, RENAMED)
    edit(made.source / "template/kit/serving.py", '"""', '"""Serve: ')
    publish(made.source, LATER)
    add_hook_entry(made, FAILING)
    publish(made.source, FAILING)
    return made


@pytest.fixture(scope="session")
def started(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a service of the release before, with an edit in `kit/pagination.py`."""
    folder = tmp_path_factory.mktemp("started") / "orders"
    start_service(releases, folder, releases.next, {"ci": "gitlab"})
    edit(folder / "kit/pagination.py", '"""', '"""Mine: ')
    commit(folder, "Edit")
    return folder


@pytest.fixture
def project(started: Path, tmp_path: Path) -> Path:
    return shutil.copytree(started, tmp_path / "orders")


@pytest.mark.parametrize("conflict", ["inline", "rej"])
def test_edits_go_with_a_renamed_file(
    releases: Releases, project: Path, tmp_path: Path, conflict: str
) -> None:
    edited = (project / "kit/pagination.py").read_text("utf-8")
    update(project, RENAMED, unsafe=True, conflict=conflict)
    assert not (project / "kit/pagination.py").exists()
    renamed = (project / "kit/pages/cursor.py").read_text("utf-8")
    assert renamed == f"{edited}\n# Added by the release.\n"
    fresh = start_service(releases, tmp_path / "fresh", RENAMED, {"ci": "gitlab-ci"})
    edit(fresh / "kit/pages/cursor.py", '"""', '"""Mine: ')
    assert contents(project) == contents(fresh)


def test_same_lines_conflict_under_the_new_name(project: Path) -> None:
    with (project / "kit/pagination.py").open("a") as file:
        file.write("\n# Added here.\n")
    commit(project, "Add")
    update(project, RENAMED, unsafe=True)
    text = (project / "kit/pages/cursor.py").read_text("utf-8")
    assert text.count("<<<<<<< before updating") == 1
    assert "# Added here." in text
    assert "# Added by the release." in text


def test_deleted_file_stays_deleted_under_its_new_name(project: Path) -> None:
    (project / "kit/pagination.py").unlink()
    commit(project, "Delete")
    update(project, RENAMED, unsafe=True)
    assert not (project / "kit/pages/cursor.py").exists()


def test_without_trust_nothing_is_written(project: Path) -> None:
    with pytest.raises(UnsafeTemplateError, match="migrations"):
        update(project, RENAMED)
    assert not status(project)


def test_a_later_release_asks_for_no_trust(releases: Releases, tmp_path: Path) -> None:
    folder = start_service(releases, tmp_path / "orders", RENAMED, {})
    update(folder, LATER)
    assert "Serve: " in (folder / "kit/serving.py").read_text("utf-8")


def test_failing_hook_puts_everything_back(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also what the hooks before it have changed."""
    with pytest.raises(TaskError):
        update(project, FAILING, unsafe=True)
    assert capfd.readouterr().err == (
        "The hook of release 92.0.0 failed and restored the project: kit/errors.py cannot be"
        " renamed to kit/models.py, which exists: rename yours, commit, and update again\n"
    )
    assert not status(project)
    assert "gitlab\n" in (project / ".copier-answers.yml").read_text("utf-8")


def test_rendering_of_a_killed_update_is_not_used(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = tmp_path / "temporary/copier._main.old_copy.killed"
    git("clone", "--quiet", project, leftover, cwd=tmp_path)
    (leftover / ".git").rename(tmp_path / "git")
    monkeypatch.setenv("TMPDIR", str(leftover.parent))
    subprocess.run(update_command(RENAMED), cwd=project, check=True)
    assert (leftover / "kit/pagination.py").exists()
    assert "Mine: " in (project / "kit/pages/cursor.py").read_text("utf-8")


def run_hook(releases: Releases, project: Path, version: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        str(releases.source / "hooks/run.py"),
        version,
        ".copier-answers.yml",
    ]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_twice_is_the_same_as_once(releases: Releases, project: Path) -> None:
    assert run_hook(releases, project, RENAMED).returncode == 0
    once = status(project), contents(project)
    assert run_hook(releases, project, RENAMED).returncode == 0
    assert (status(project), contents(project)) == once
    assert "ci: gitlab-ci\n" in (project / ".copier-answers.yml").read_text("utf-8")


def test_release_without_a_hook(releases: Releases, project: Path) -> None:
    done = run_hook(releases, project, "1.0.0")
    assert (done.returncode, done.stderr) == (1, "release 1.0.0 has no hook\n")


ANSWERS = """\
# Written by copier.
_commit: 1.0.0
ci: github
deploy:
- docker
- 'kubernetes'
python_version: '3.11'
"""


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the object that hooks get, for a service with these answers."""
    monkeypatch.syspath_prepend(str(ROOT / "hooks"))
    (tmp_path / "answers.yml").write_text(ANSWERS, "utf-8")
    return importlib.import_module("project").Project(str(tmp_path / "answers.yml"))


CHANGES: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("change_answer", ("ci", "github", "actions"), {"ci": "actions"}),
    ("change_answer", ("ci", "git", "actions"), {"ci": "github"}),
    ("change_answer", ("python_version", "3.11", "3.12"), {"python_version": "3.12"}),
    ("change_answer", ("deploy", "kubernetes", "k8s"), {"deploy": ["docker", "k8s"]}),
    ("change_answer", ("deploy", "kubernetes", "docker"), {"deploy": ["docker"]}),
    ("drop_choice", ("deploy", "kubernetes"), {"deploy": ["docker"]}),
    ("rename_answer", ("deploy", "places"), {"places": ["docker", "kubernetes"]}),
    ("drop_answer", ("deploy",), {}),
    ("drop_answer", ("colour",), {"ci": "github"}),
]


@pytest.mark.parametrize(("change", "arguments", "expected"), CHANGES)
def test_answers_are_changed(
    answers: Any, change: str, arguments: tuple[str, ...], expected: dict[str, Any]
) -> None:
    getattr(answers, change)(*arguments)
    changed = answers.answers_file.read_bytes()
    getattr(answers, change)(*arguments)
    assert answers.answers_file.read_bytes() == changed
    remaining = yaml.safe_load(changed)
    assert remaining.items() >= expected.items()
    if change in {"drop_answer", "rename_answer"}:
        assert arguments[0] not in remaining
    others = yaml.safe_load(ANSWERS)
    others.pop(arguments[0], None)
    assert remaining.items() >= others.items()


def test_the_last_choice_leaves_an_empty_list(answers: Any) -> None:
    answers.drop_choice("deploy", "docker")
    answers.drop_choice("deploy", "kubernetes")
    assert yaml.safe_load(answers.answers_file.read_text("utf-8"))["deploy"] == []


def test_hooks_belong_to_a_release() -> None:
    """Without a version, `copier update` would ask for trust at every release."""
    for entry in COPIER.get("_migrations", []):
        arguments = [entry["version"], "{{ _copier_conf.answers_file }}"]
        if entry["version"] == "2.0.0":
            assert entry["when"] == "{{ _stage in ['before', 'after'] }}"
            arguments.append("{{ _stage }}")
        else:
            assert entry["when"] == "{{ _stage == 'before' }}"
        assert entry["command"][2:] == arguments
        hooks = (ROOT / "hooks/releases.py").read_text("utf-8")
        assert f'@migration("{entry["version"]}")' in hooks


def test_hooks_need_nothing_but_python() -> None:
    """They run in copier's environment, where pipx installs nothing else."""
    for path in (ROOT / "hooks").glob("*.py"):
        code = f"import sys; sys.path.insert(0, {str(path.parent)!r}); import {path.stem}"
        subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
