"""The branch that `make db-lint` compares with: it finds the one to merge into, and never guesses."""

from pathlib import Path

import pytest

from harness.processes import lines_of, only, variables
from harness.project import FIRST, Project
from harness.working_copy import add_column, commit, git, init_repository, without_git

pytestmark = pytest.mark.parametrize("project", ["sqlite"], indirect=True)

MERGED, NEW = "aaaaaaaaaaa1", "bbbbbbbbbbb1"
NO_BASE = "no base found: name the branch to merge into, for example base=origin/trunk"
NO_HISTORY = (
    "no base found: there is no git history; name the newest merged revision,"
    f" for example base={FIRST}"
)
CI = (
    "no base found: this clone lacks {}, the target of CI: fetch it (fetch-depth: 0, GIT_DEPTH: 0)"
    " or set base=..."
)


def lint(project: Project, *arguments: str, **options: str) -> str:
    """Return what it has compared with, and the number of new revisions; it must find nothing."""
    done = project.script("lint", env={**variables(arguments), **options})
    return done.stdout.removesuffix(", nothing dangerous\n").removeprefix("new revisions since ")


def refusal(project: Project, *arguments: str, **options: str) -> str:
    done = project.script("lint", env={**variables(arguments), **options}, code=2)
    assert not done.stdout
    return only(lines_of(done.stderr))


def published(project: Project, branch: str) -> Project:
    """Return the project with a merged revision; its branch `work` has another one."""
    add_column(project, MERGED, "merged")
    init_repository(project)
    git(project, "branch", "--move", branch)
    git(project, "switch", "--quiet", "--create", "work")
    add_column(project, NEW, "new", after=MERGED)
    commit(project)
    git(project, "switch", "--quiet", branch)
    return project


def clone(project: Project, folder: Path, *options: str) -> Project:
    """Return a clone of a project's repository, with the same environment."""
    git(project, "clone", "--quiet", *options, f"file://{project.folder}", str(folder))
    (folder / ".venv").symlink_to(project.folder / ".venv")
    return Project(folder, project.database, project.migrators)


def test_project_that_begins(copy: Project) -> None:
    """Without git, without a commit: nothing was merged."""
    assert lint(copy) == "the first: 1"
    git(copy, "init", "--quiet", "--initial-branch", "trunk")
    add_column(copy, MERGED, "phone")
    assert lint(copy) == "the first: 2"
    commit(copy)
    assert lint(copy) == "trunk: 0"


def test_archive_has_no_history(copy: Project) -> None:
    add_column(copy, MERGED, "phone")
    assert refusal(copy) == NO_HISTORY
    assert lint(copy, f"base={FIRST}") == f"{FIRST}: 1"
    assert lint(copy, f"base={MERGED}") == f"{MERGED}: 0"
    done = copy.make("db-lint", env={"PATH": without_git(copy)}, code=2)
    assert lines_of(done.stderr) == [NO_HISTORY]


def test_branch_of_another_name(copy: Project, tmp_path: Path) -> None:
    """Which of two branches is the main one is not guessed."""
    published(copy, "trunk")
    assert refusal(copy) == NO_BASE
    git(copy, "switch", "--quiet", "work")
    assert refusal(copy) == NO_BASE
    assert lint(copy, "base=trunk") == "trunk: 1"
    git(copy, "config", "init.defaultBranch", "trunk")
    assert lint(copy) == "trunk: 1"
    git(copy, "switch", "--quiet", "trunk")
    cloned = clone(copy, tmp_path / "clone")
    assert lint(cloned) == "origin/trunk: 0"
    git(cloned, "switch", "--quiet", "work")
    assert lint(cloned) == "origin/trunk: 1"


@pytest.mark.parametrize("base", ["nowhere", "app", "--help", "--all", "-h", "main..work"])
def test_base_that_is_no_branch(copy: Project, base: str) -> None:
    """No option of git either, and no folder."""
    published(copy, "main")
    assert refusal(copy, f"base={base}") == (
        f"base={base}: no such branch or revision; in CI, set fetch-depth: 0"
    )


def test_clone_whose_own_branch_is_behind(copy: Project, tmp_path: Path) -> None:
    """It uses the branch of the remote; with a fork and its upstream, the branch with more commits."""
    published(copy, "main")
    fork = clone(copy, tmp_path / "fork")
    git(copy, "merge", "--quiet", "work")
    cloned = clone(copy, tmp_path / "clone")
    git(cloned, "switch", "--quiet", "--create", "next")
    git(cloned, "branch", "--force", "main", "HEAD^")
    assert lint(cloned) == "origin/main: 0"
    git(cloned, "remote", "set-head", "origin", "--delete")
    assert lint(cloned) == "origin/main: 0"
    git(fork, "remote", "add", "upstream", f"file://{copy.folder}")
    git(fork, "fetch", "--quiet", "upstream")
    git(fork, "switch", "--quiet", "--create", "next", "upstream/main")
    assert lint(fork) == "upstream/main: 0"


def test_part_of_the_history(copy: Project, tmp_path: Path) -> None:
    """Without a common ancestor all revisions of the main branch would count as new."""
    published(copy, "main")
    shallow = clone(copy, tmp_path / "shallow", "--depth", "1", "--branch", "work")
    assert refusal(shallow) == NO_BASE
    both = clone(copy, tmp_path / "both", "--depth", "1", "--no-single-branch", "--branch", "work")
    assert refusal(both) == (
        "no base found: this clone lacks the common ancestor of HEAD and origin/main:"
        " run git fetch --unshallow or set base=..."
    )
    line = "base=origin/main: no such branch or revision; in CI, set fetch-depth: 0"
    assert refusal(both, "base=origin/main") == line
    git(both, "fetch", "--quiet", "--unshallow", "origin", "main")
    assert lint(both) == lint(both, "base=origin/main") == "origin/main: 1"
    main = clone(copy, tmp_path / "main", "--depth", "1")
    assert lint(main) == "origin/main: 0"


TARGETS = ["GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_DEFAULT_BRANCH"]


@pytest.mark.parametrize("variable", TARGETS)
def test_branch_that_ci_names(copy: Project, tmp_path: Path, variable: str) -> None:
    published(copy, "trunk")
    cloned = clone(copy, tmp_path / "clone", "--branch", "work")
    git(cloned, "remote", "set-head", "origin", "--delete")
    git(cloned, "checkout", "--quiet", "--detach")
    assert refusal(cloned) == NO_BASE
    assert lint(cloned, **{variable: "trunk"}) == "origin/trunk: 1"
    assert lint(cloned, "base=origin/work", **{variable: "trunk"}) == "origin/work: 0"
    for name in ("gone", "--help"):
        assert refusal(cloned, **{variable: name}) == CI.format(name)
