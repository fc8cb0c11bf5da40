"""`make db-compat`: what it runs, what it does not count, and what it leaves behind."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from harness.compat import ONLY_TESTS, compat, incompatible, last_line
from harness.processes import clean_environment, is_running, kill_group, lines_of, only, wait_for
from harness.project import Project
from harness.releases import edit
from harness.working_copy import add_column, commit, git, init_repository, revise, write_revision

pytestmark = [pytest.mark.slow, pytest.mark.seconds(60)]

ADDED, OTHER = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
READ_NAMES = """
from sqlalchemy import text

from kit.db import Database


async def test_names_are_read(database: Database) -> None:
    async with database.read_sessions() as session:
        await session.execute(text("SELECT {column} FROM users"))
"""
FAILS = """
def test_of_another_machine() -> None:
    raise FileNotFoundError
"""
HANGS = """
import os
import time
from pathlib import Path


def test_that_hangs() -> None:
    Path({marker!r}).write_text(str(os.getpgid(0)))
    time.sleep(600)
"""
OWN_ENVIRONMENT = """
import sys
from pathlib import Path


def test_environment_is_that_of_the_commit() -> None:
    assert Path(sys.prefix).parent == Path.cwd()
"""
REJECTED = """op.execute(
    "CREATE TRIGGER final BEFORE UPDATE ON users BEGIN SELECT RAISE(ABORT, 'final'); END"
)"""
RENAMED = 'op.execute("ALTER TABLE users RENAME COLUMN name TO title")'
# The body of a revision that waits for the rollout.
WAITING = """
from kit.revisions import require_unused


def upgrade() -> None:
    require_unused("users", "name")
    op.alter_column("users", "name", new_column_name="title")


def downgrade() -> None:
    op.alter_column("users", "title", new_column_name="name")
"""


@pytest.fixture
def orders(light_project: Project, tmp_path: Path) -> Project:
    return light_project.copy(tmp_path / "orders", f"sqlite:///{tmp_path}/orders.db")


def write_tests(project: Project, **texts: str) -> None:
    """Replace the tests by others: names of files with their contents."""
    for path in (project.folder / "tests").glob("test_*.py"):
        path.unlink()
    for name, text in texts.items():
        (project.folder / f"tests/test_{name}.py").write_text(text, "utf-8")


def branch_off(project: Project) -> None:
    """Commit the project to main, and begin a branch."""
    init_repository(project)
    git(project, "switch", "--quiet", "--create", "change")


def test_branch_without_revisions_has_nothing_to_prove(orders: Project) -> None:
    branch_off(orders)
    (orders.folder / "notes.txt").write_text("Only notes.", "utf-8")
    assert compat(orders).stdout == "nothing to do: this branch adds no revisions\n"


def test_all_tests_and_routes_of_the_base_run(orders: Project, tmp_path: Path) -> None:
    """Also with a revision that is not committed, and without checks of models and revisions."""
    branch_off(orders)
    add_column(orders, ADDED, "nickname")
    before = git(orders, "status", "--porcelain")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = orders.make("db-compat", env={"TMPDIR": str(temporary)}, timeout=300)
    expected = r"compatible: \d\d tests and 7 routes pass on the schema of the rollout"
    assert re.fullmatch(expected, last_line(done))
    assert "1 before the rollout, 0 after it" in done.stdout
    assert list(temporary.iterdir()) == []
    assert len(git(orders, "worktree", "list").splitlines()) == 1
    assert git(orders, "status", "--porcelain") == before


def test_routes_show_what_no_test_covers(orders: Project) -> None:
    write_tests(orders, names=READ_NAMES.format(column="name"))
    branch_off(orders)
    revise(orders, ADDED, REJECTED)
    done = compat(orders, code=1)
    assert incompatible(done) == {
        "PATCH /users/{user_id}": "answers 409 Conflict, before 200 OK",
    }


def test_only_what_the_revisions_break_is_counted(orders: Project) -> None:
    """Neither tests that fail anyway, nor those that a comment accepts."""
    reads = READ_NAMES.format(column="name")
    write_tests(orders, names=reads, reports=reads, fails=FAILS)
    branch_off(orders)
    revision = revise(orders, ADDED, RENAMED)
    accepted = "tests/test_reports.py::test_names_are_read"
    comment = f"# db-compat: allow {accepted}: no report is written during the rollout"
    revision.write_text(f"{revision.read_text('utf-8')}\n{comment}\n", "utf-8")
    done = compat(orders, ONLY_TESTS, code=1)
    broken = incompatible(done)
    assert broken.keys() == {"tests/test_names.py::test_names_are_read"}
    assert "no such column: name" in only(broken.values())
    fails = "tests/test_fails.py::test_of_another_machine"
    assert f"not counted, as it fails on the schema of main, too: {fails}" in done.stdout
    assert f"accepted by a comment in a revision: {accepted}" in done.stdout


def test_waiting_revisions_run_after_the_rollout(orders: Project) -> None:
    """The old code does not meet them, and the new code has to run without them."""
    write_tests(orders, names=READ_NAMES.format(column="name"))
    branch_off(orders)
    add_column(orders, ADDED, "nickname")
    write_revision(orders, OTHER, WAITING, after=ADDED)
    write_tests(orders, names=READ_NAMES.format(column="nickname"))
    done = compat(orders, ONLY_TESTS)
    assert "1 before the rollout, 1 after it" in done.stdout
    expected = "compatible: 1 tests and 1 tests of this branch pass on the schema of the rollout"
    assert last_line(done) == expected


def test_branch_that_needs_a_waiting_revision_is_found(orders: Project) -> None:
    write_tests(orders, names=READ_NAMES.format(column="name"))
    branch_off(orders)
    write_revision(orders, ADDED, WAITING)
    write_tests(orders, names=READ_NAMES.format(column="title"))
    done = compat(orders, ONLY_TESTS, code=1)
    assert incompatible(done).keys() == {"tests/test_names.py::test_names_are_read"}


def test_base_with_other_packages_has_its_own_environment(orders: Project) -> None:
    write_tests(orders, environment=OWN_ENVIRONMENT)
    branch_off(orders)
    add_column(orders, ADDED, "nickname")
    edit(orders.folder / "pyproject.toml", "dependencies = [", "# Ours.\ndependencies = [")
    assert last_line(compat(orders, ONLY_TESTS)).startswith("compatible: 1 tests ")


def hang(project: Project, tmp_path: Path) -> Path:
    """Give the base a test that never ends; return the file that it writes its group to."""
    marker = tmp_path / "marker"
    write_tests(project, hangs=HANGS.format(marker=str(marker)))
    branch_off(project)
    add_column(project, ADDED, "nickname")
    return marker


def test_interrupted_command_removes_what_it_has_created(orders: Project, tmp_path: Path) -> None:
    marker = hang(orders, tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    settings = {"PATH": orders.path, "TMPDIR": str(temporary), "base": "main"}
    with subprocess.Popen(
        [orders.folder / ".venv/bin/python", "-m", "scripts.compat"],
        cwd=orders.folder,
        env=clean_environment(settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            wait_for(lambda: marker.exists() and marker.read_text(), "the test of the base runs")
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(60) == 130
        finally:
            if process.poll() is None:
                kill_group(process)
    assert not is_running(int(marker.read_text()))
    assert list(temporary.iterdir()) == []
    assert len(git(orders, "worktree", "list").splitlines()) == 1


def test_time_is_limited(orders: Project, tmp_path: Path) -> None:
    hang(orders, tmp_path)
    done = compat(orders, "limit=8", code=2)
    assert done.stderr.startswith("undecided: the limit of 8 seconds is reached while ")
    assert len(git(orders, "worktree", "list").splitlines()) == 1


def test_wrong_use_is_explained(orders: Project) -> None:
    branch_off(orders)
    for arguments, message in (
        (("base=nowhere",), "base=nowhere: no such branch or revision"),
        (("limit=soon",), "limit=soon: seconds expected, such as limit=900"),
    ):
        line = lines_of(compat(orders, *arguments, code=2).stderr)[0]
        assert line.startswith(message)
    add_column(orders, ADDED, "nickname")
    add_column(orders, OTHER, "weight")
    assert compat(orders, code=2).stderr.startswith(f"{ADDED} and {OTHER} are heads. ")


def test_revision_that_fails_proves_nothing(orders: Project) -> None:
    branch_off(orders)
    revise(orders, ADDED, 'op.drop_table("nowhere")')
    assert compat(orders, code=2).stderr.startswith(
        "undecided: the new revisions cannot be applied: "
    )


def test_base_without_kit_cannot_be_compared(orders: Project) -> None:
    plugin = orders.folder / "kit/testing/plugin.py"
    text = plugin.read_text("utf-8")
    plugin.unlink()
    branch_off(orders)
    plugin.write_text(text, "utf-8")
    add_column(orders, ADDED, "nickname")
    commit(orders)
    expected = "nothing to compare with in main: it has no kit/testing/plugin.py"
    assert last_line(compat(orders)) == expected
