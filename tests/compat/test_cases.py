"""`make db-compat` finds planted changes that break the old code, and no others."""

from collections.abc import Callable, Mapping

import pytest

from harness.compat import ONLY_TESTS, compat, last_line
from harness.compat import incompatible as incompatible_in
from harness.compat_cases import (
    CHANGES,
    COMPATIBLE,
    INCOMPATIBLE,
    Change,
    name_of_test,
    write_base,
    write_changes,
)
from harness.processes import Completed
from harness.project import Project
from harness.template import DATABASES
from harness.working_copy import commit, git, init_repository

pytestmark = [pytest.mark.slow, pytest.mark.seconds(60)]


@pytest.fixture(scope="module", params=DATABASES)
def base(
    request: pytest.FixtureRequest,
    projects: Callable[..., Project],
    tmp_path_factory: pytest.TempPathFactory,
) -> Project:
    """Return a project in a git repository that has the tables and the tests of all changes."""
    folder = tmp_path_factory.mktemp("compat")
    project = projects(request.param).copy(folder / "orders", f"sqlite:///{folder}/orders.db")
    write_base(project, CHANGES)
    return init_repository(project)


def run_on_branch(base: Project, name: str, changes: Mapping[str, Change], code: int) -> Completed:
    """Run the command on a branch with these changes."""
    git(base, "switch", "--quiet", "--create", name, "main")
    write_changes(base, changes)
    commit(base)
    return compat(base, ONLY_TESTS, code=code)


@pytest.fixture(scope="module")
def incompatible(base: Project) -> dict[str, str]:
    """Return the reasons by what breaks, on a branch with all incompatible changes."""
    return incompatible_in(run_on_branch(base, "incompatible", INCOMPATIBLE, code=1))


@pytest.fixture(scope="module")
def compatible(base: Project) -> Completed:
    return run_on_branch(base, "compatible", COMPATIBLE, code=0)


@pytest.mark.parametrize("table", INCOMPATIBLE)
def test_incompatible_change_is_found(incompatible: dict[str, str], table: str) -> None:
    assert incompatible[name_of_test(table)]


def test_tests_of_other_tables_are_not_reported(incompatible: dict[str, str]) -> None:
    assert incompatible.keys() == set(map(name_of_test, INCOMPATIBLE))


def test_compatible_changes_give_no_alarm(compatible: Completed) -> None:
    assert len(COMPATIBLE) >= 12
    expected = f"compatible: {len(CHANGES)} tests pass on the schema of the rollout"
    assert last_line(compatible) == expected


@pytest.mark.usefixtures("compatible")
def test_project_is_as_before(base: Project) -> None:
    assert len(git(base, "worktree", "list").splitlines()) == 1
    assert git(base, "status", "--porcelain") == ""
