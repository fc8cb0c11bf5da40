"""What `make update` and `make update-check` report about an update that succeeds."""

import shutil
from pathlib import Path

import pytest

from harness.fast_rendering import copier_python, fast_uv
from harness.file_edits import remove
from harness.processes import run
from harness.project import Project
from harness.releases import Releases, commit, edit, git
from harness.template import render
from harness.update_command import (
    HOOK,
    LEFT_ALONE,
    NEW,
    NEXT,
    recorded_answers,
    run_update,
)

pytestmark = [pytest.mark.slow, pytest.mark.seconds(60), pytest.mark.usefixtures("forked")]

# A list with a space, which is one answer.
PARTS = "[opentelemetry, prometheus]"


def test_check(releases: Releases, folder: Path) -> None:
    """Exit codes for scripts: 0 is up to date, 1 is outdated, 2 is an error."""
    newer = "is newer than this project, which is at"
    done = run_update(folder, "check", code=1)
    assert done.stdout == f"{HOOK} {newer} {releases.next}: make update\n"
    done = run_update(folder, "check", code=1, to=NEW)
    assert done.stdout == f"{NEW} {newer} {releases.next}: make update\n"
    done = run_update(folder, "check", to=releases.next)
    assert done.stdout == f"This project is at {releases.next}: nothing to do.\n"
    done = run_update(folder, "check", code=2, to="7.7.7")
    assert done.stderr == f"there is no release 7.7.7; the newest is {HOOK}\n"


def test_answers_can_be_changed_without_a_newer_release(releases: Releases, folder: Path) -> None:
    done = run_update(folder, to=releases.next, data="ci=gitlab 'deploy=[]'")
    assert done.stdout.endswith(f"\n\n{NEXT}\n")
    answers = (folder / ".copier-answers.yml").read_text("utf-8")
    assert "ci: gitlab\n" in answers
    assert "deploy: []\n" in answers
    assert (folder / ".gitlab-ci.yml").exists()
    assert not (folder / "Dockerfile").exists()


def test_what_an_answer_changes_in_own_files_is_named(releases: Releases, folder: Path) -> None:
    """An update does not change the project's own files: the user does."""
    before = git("ls-files", "-s", "app", "pyproject.toml", "README.md", cwd=folder)
    data = f"telemetry={PARTS} python_version=3.13 'description=Takes orders'"
    lines = run_update(folder, to=releases.next, data=data).stdout.splitlines()
    first = lines.index("Change by hand what your answers change in a new service:")
    listed = lines[first : lines.index("Next:")]
    for line in (
        "README.md:",
        "  +Takes orders",
        "pyproject.toml:",
        '  -requires-python = ">=3.11"',
        '  +requires-python = ">=3.13"',
        '  +target-version = "py313"',
        '  +description = "Takes orders"',
    ):
        assert line in listed, listed
    assert recorded_answers(folder)["telemetry"] == ["opentelemetry", "prometheus"]
    commit(folder, "Answers")
    assert git("ls-files", "-s", "app", "pyproject.toml", "README.md", cwd=folder) == before


def test_copier_itself_names_changed_answers_too(releases: Releases, folder: Path) -> None:
    data = ("--data", "python_version=3.13", "--vcs-ref", releases.next)
    copier = (copier_python(), "-m", "copier")
    message = run(*copier, "update", "--defaults", *data, cwd=folder).stderr
    assert "python_version has changed. Change it by hand in your own files:" in message
    assert "description has changed" not in message


def test_renamed_package_is_named(releases: Releases, folder: Path) -> None:
    lines = run_update(folder, to=releases.next, data="package_name=shipping").stdout.splitlines()
    assert (
        "git mv app shipping, and its name in imports, in pyproject.toml and README.md"
    ) in lines
    assert 'PACKAGE = "shipping"\n' in (folder / "scripts/project.py").read_text("utf-8")
    assert (folder / "app/main.py").exists()
    assert not (folder / "shipping").exists()


def test_edits_go_with_a_renamed_file(folder: Path) -> None:
    """Without trust: renames.yml of the release is data, not code."""
    edit(folder / "kit/pagination.py", "PAGE_SIZE = 20", "PAGE_SIZE = 30")
    commit(folder, "Edit")
    done = run_update(folder, to=NEW)
    assert "renamed, with your changes: kit/pagination.py is kit/pages.py\n" in done.stdout
    text = (folder / "kit/pages.py").read_text("utf-8")
    assert text.startswith('"""New: ')
    assert "PAGE_SIZE = 30\n" in text
    assert not (folder / "kit/pagination.py").exists()


def test_deleted_file_stays_deleted_under_its_new_name(folder: Path) -> None:
    (folder / "kit/pagination.py").unlink()
    commit(folder, "Delete")
    done = run_update(folder, to=NEW)
    assert "stays deleted: kit/pages.py, which was kit/pagination.py\n" in done.stdout
    assert not (folder / "kit/pages.py").exists()


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_update_of_a_service(
    releases: Releases, project: Project, copy: Project, tmp_path: Path
) -> None:
    """Checks wait for its conflicts, and pass after the steps that it prints."""
    shutil.rmtree(copy.folder / ".git", ignore_errors=True)
    for path in copy.folder.iterdir():
        if path.name not in {".venv", ".env"}:
            remove(path.name)(copy.folder)
    render(releases.source, copy.folder, {"database": project.database}, vcs_ref=releases.next)
    git("init", "--quiet", "--initial-branch", "main", cwd=copy.folder)
    (copy.folder / ".git/info/exclude").write_text(".venv\n", "utf-8")
    copy.make("db-migrate")
    commit(copy.folder, "Start")
    edit(copy.folder / "app/models/user.py", "String(100)", "String(120)")
    edit(copy.folder / "kit/ruff.toml", "line-length", "# Mine.\nline-length")
    commit(copy.folder, "Edit")
    fast = {"PATH": f"{fast_uv(tmp_path / 'programs')}:{copy.path}"}
    failed = copy.make("update", f"to={NEW}", env=fast, code=2)
    assert "conflict: kit/ruff.toml\n" in failed.stdout
    failed = copy.make("check", code=2)
    assert "kit/ruff.toml: unresolved update conflict; edit the file, then git add" in failed.stderr
    copy.run("git", "reset", "--quiet")
    copy.run("git", "checkout", "HEAD~1", "--", ".")
    commit(copy.folder, "As it was")
    assert copy.make("update", f"to={NEW}").stdout.endswith(f"{LEFT_ALONE}{NEXT}\n")
    git("mv", "kit/pages.py", "kit/pagination.py", cwd=copy.folder)
    copy.make("conflicts", "lint", "db-check")
