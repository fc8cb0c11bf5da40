"""`copier update`: from every release to the one to come, without trust, and nothing is lost."""

from pathlib import Path
from typing import Any

import copier
import pytest

from tests.releases import Releases, git, released, tagged_clone
from tests.template import DATABASES, Answers, files, render

RELEASES = list(released())
# Those that a hook belongs to have to be trusted; see hooks/README.md.
OPTIONS: dict[str, Any] = {"defaults": True, "overwrite": True, "quiet": True, "unsafe": False}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return tagged_clone(tmp_path_factory.mktemp("releases") / "template")


def start(releases: Releases, folder: Path, release: str, answers: Answers) -> Path:
    """Copy a release and commit it, as its user would."""
    render(releases.source, folder, answers, vcs_ref=release)
    git("init", "--quiet", "--initial-branch", "main", cwd=folder)
    commit(folder, "Start")
    return folder


def commit(folder: Path, message: str) -> None:
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--message", message, cwd=folder)


def update(folder: Path, release: str, **options: Any) -> None:
    copier.run_update(folder, vcs_ref=release, settings=copier.Settings(), **{**OPTIONS, **options})


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files without git's own, and without those that are the project's own."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files(folder)
        if path.relative_to(folder).parts[0] != ".git"
        and path.relative_to(folder).parts[:2] != ("migrations", "versions")
    }


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("release", RELEASES)
def test_updated_equals_fresh(
    releases: Releases, tmp_path: Path, release: str, database: str
) -> None:
    answers = {"database": database}
    old = start(releases, tmp_path / "old", release, answers)
    revisions = {path: path.read_bytes() for path in (old / "migrations/versions").iterdir()}
    update(old, releases.next)
    fresh = start(releases, tmp_path / "fresh", releases.next, answers)
    assert contents(old) == contents(fresh)
    assert revisions == {
        path: path.read_bytes() for path in (old / "migrations/versions").iterdir()
    }
    commit(old, "Update")
    update(old, releases.next)
    assert not git("status", "--porcelain", cwd=old)
