"""From 1.x to 2.0, services that cannot be moved: the hook says why, and changes nothing."""

import sys
from pathlib import Path

import pytest
from copier.errors import TaskError

from harness.file_edits import FileEdit, all_of, change, create, link, remove, rename
from harness.processes import run
from harness.releases import Releases, commit, edit
from harness.services_of_1x import OLD_RELEASE
from harness.updates import start_service, status, update

pytestmark = [pytest.mark.slow, pytest.mark.seconds(30)]

REFUSED: dict[str, tuple[FileEdit, str]] = {
    "folder": (
        create("kit/own.py", "MINE = 1\n"),
        "kit/own.py exists, but kit is the template's",
    ),
    "module": (create("kit.py", "MINE = 1\n"), "kit.py exists, but kit is the template's"),
    "source": (create("src/kit/own.py", "MINE = 1\n"), "src/kit/own.py exists, but kit is"),
    "name": (
        change(".copier-answers.yml", ("service_name: orders", "service_name: kit")),
        "the service is called kit",
    ),
    "link": (
        all_of(rename("README.md", "docs/README.md"), link("README.md", "docs/README.md")),
        "the template has files where this project has links: README.md",
    ),
    "linked folder": (
        all_of(rename("scripts", "tools"), link("scripts", "tools")),
        "the template has files where this project has links: scripts",
    ),
    "file for a folder": (
        all_of(remove("scripts"), create("scripts", "mine\n")),
        "a file where this project has a folder, or the reverse: scripts",
    ),
    "left-over": (create("left-over/plan.md", "Ours.\n"), "left-over exists"),
}


def start_with_an_edit(releases: Releases, folder: Path, edit_folder: FileEdit) -> Path:
    start_service(releases, folder, OLD_RELEASE, {"database": "sqlite"})
    edit_folder(folder)
    commit(folder, "Own")
    return folder


def run_hook(releases: Releases, folder: Path, stage: str) -> str:
    """Run the hook as copier does; it must fail and change nothing. Return the message."""
    hook = [sys.executable, releases.source / "hooks/run.py", "2.0.0", ".copier-answers.yml"]
    error = run(*hook, stage, cwd=folder, code=1).stderr
    assert error.startswith("The hook of release 2.0.0 failed and restored the project: ")
    assert "Traceback" not in error
    assert not status(folder)
    return error


@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_moved_is_refused(releases: Releases, tmp_path: Path, reason: str) -> None:
    """The message says what to do."""
    edit_folder, message = REFUSED[reason]
    folder = start_with_an_edit(releases, tmp_path / "orders", edit_folder)
    error = run_hook(releases, folder, "before")
    assert message in error
    assert error.rstrip().endswith("commit, and update again")


def test_refusal_ends_the_update(
    releases: Releases, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    edit_folder, message = REFUSED["linked folder"]
    folder = start_with_an_edit(releases, tmp_path / "orders", edit_folder)
    with pytest.raises(TaskError):
        update(folder, releases.next, unsafe=True)
    assert message in capfd.readouterr().err
    assert not status(folder)


def test_failure_in_the_middle_puts_everything_back(releases: Releases, tmp_path: Path) -> None:
    """The release of the service no longer exists."""
    folder = start_service(releases, tmp_path / "orders", OLD_RELEASE, {"database": "sqlite"})
    edit(folder / ".copier-answers.yml", f"_commit: {OLD_RELEASE}", "_commit: 1.99.0")
    commit(folder, "Own")
    edit(folder / "scripts/openapi.py", '"""', '"""Changed by the update: ')
    create("kit/new.py", "")(folder)
    error = run_hook(releases, folder, "after")
    assert ": git " in error
    assert "1.99.0" in error
