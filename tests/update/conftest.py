"""The fixtures of updates: the template with its releases, and a small repository with releases."""

from pathlib import Path

import pytest

from harness.fast_rendering import VARIABLE
from harness.releases import Releases, git, tagged_clone, write_change_log


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return tagged_clone(tmp_path_factory.mktemp("releases") / "template")


@pytest.fixture
def forked(forking_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run `make update`, hooks and the copier that they start in forks."""
    monkeypatch.setenv(VARIABLE, str(forking_python))


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Return a repository whose releases 1.0.0 and 1.1.0 are headings, 1.1.0 by a merge."""
    folder = tmp_path / "template"
    folder.mkdir()
    git("init", "--quiet", "--initial-branch", "trunk", cwd=folder)
    write_change_log(folder, "1.0.0")
    git("switch", "--quiet", "--create", "work", cwd=folder)
    write_change_log(folder, "1.1.0", "1.0.0")
    git("switch", "--quiet", "trunk", cwd=folder)
    git("merge", "--quiet", "--no-ff", "--no-edit", "work", cwd=folder)
    return folder
