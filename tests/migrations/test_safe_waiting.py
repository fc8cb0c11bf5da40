"""Waiting revisions: they run after the rollout, a backfill and the last release that uses a column."""

import shlex
from pathlib import Path

import httpx
import pytest

from harness.databases import Server
from harness.output import lines_with
from harness.processes import only
from harness.project import FIRST, Project
from harness.releases import edit
from harness.working_copy import add_column, add_file, commit, git, init_repository, revise

# Where no database has a part in it, with the one that costs less.
light = pytest.mark.parametrize("project", ["sqlite"], indirect=True)

EXPANDED, WAITING, LATER = "aaaaaaaaaaa1", "bbbbbbbbbbb1", "ccccccccccc1"
UNTIL_ROLLOUT = ("-x", "until=rollout", "upgrade", "head")
BACKFILL = """\
from kit.revisions import require_backfill

require_backfill("users", set="phone = 5 % 3", where="phone IS NULL AND name <> 'a:b'")
op.execute("SELECT 1")
"""
COMMAND = (
    'make db-backfill table=users set="phone = 5 % 3" where="phone IS NULL AND name <> \'a:b\'"'
)
UNUSED = """\
from kit.revisions import require_unused

require_unused("users", "name")
op.execute("SELECT 1")
"""
USER = "INSERT INTO users (id, email, name) VALUES ('{}', '{}@example.com', 'Ada')"
IDS = ("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002")


def guard(project: Project, steps: str, after: str = EXPANDED) -> None:
    """Write a waiting revision: its imports are at the top of the module."""
    path = revise(project, WAITING, steps, after=after, title="contract")
    first, *_ = steps.splitlines()
    edit(path, f"    {first}\n", "")
    edit(
        path,
        "import sqlalchemy as sa\nfrom alembic import op\n",
        f"{first}\nfrom alembic import op\n",
    )


def current(project: Project, url: str) -> str:
    return project.alembic(url, "current").stdout.split()[0]


def states(project: Project, code: int) -> list[str]:
    lines = project.script("status", code=code).stdout.splitlines()
    return [line.split()[1] for line in lines[1:] if line[:12].isalnum()]


@pytest.fixture
def deployed(copy: Project, server: Server, url: str) -> Project:
    """Return a project whose database has the first revision and a row; two revisions follow."""
    copy.alembic(url, "upgrade", "head")
    server.query(url, USER.format(IDS[0], "ada"))
    add_column(copy, EXPANDED, "phone")
    guard(copy, BACKFILL)
    return copy


def test_deployment_in_order(deployed: Project, server: Server, url: str) -> None:
    """Migrate, roll out, backfill with the command of the message, migrate."""
    output = deployed.alembic(url, *UNTIL_ROLLOUT).stdout
    assert output.splitlines() == [
        f"waiting for the rollout: {WAITING} contract; after it, run: alembic upgrade head",
        "before that, or before the rollout if the new code reads the values:",
        COMMAND,
    ]
    assert current(deployed, url) == EXPANDED
    assert states(deployed, 1) == ["applied", "applied", "waiting"]
    refusal = deployed.alembic(url, "upgrade", "head", code=255).stdout
    reason = "users has rows where phone IS NULL AND name <> 'a:b'; change them, then migrate again"
    assert only(lines_with(refusal, "FAILED")) == f"FAILED: {reason}: {COMMAND}"
    assert "1 rows changed" in deployed.run(*shlex.split(COMMAND)).stdout
    deployed.alembic(url, "upgrade", "head")
    assert states(deployed, 0) == ["applied"] * 3
    assert server.query(url, "SELECT phone FROM users") == [(2,)]
    assert "nothing to do" in deployed.alembic(url, *UNTIL_ROLLOUT).stdout


def test_refused_revision_leaves_those_before_it(deployed: Project, url: str) -> None:
    """Also on a database where all revisions are one transaction: the backfill needs them."""
    deployed.alembic(url, "upgrade", "head", code=255)
    assert current(deployed, url) == EXPANDED


def test_key_of_the_backfill(deployed: Project, server: Server, url: str) -> None:
    path = only(deployed.versions.glob(f"*{WAITING}*"))
    edit(path, " AND name <> 'a:b'\"", '", key="email"')
    done = deployed.alembic(url, "upgrade", "head", code=255)
    command = only(lines_with(done.stdout, "FAILED")).partition("again: ")[2]
    assert command.endswith(' where="phone IS NULL" key=email')
    deployed.run(*shlex.split(command))
    assert server.query(url, "SELECT phone FROM users") == [(2,)]


def test_sql_of_guards(deployed: Project, server: Server, url: str) -> None:
    """`--sql` contains the check where the database can fail on a condition."""
    sql = deployed.alembic(url, "upgrade", "--sql", f"{FIRST}:head").stdout
    assert COMMAND.replace("'", "''") in sql or COMMAND in sql
    until = deployed.alembic(url, *UNTIL_ROLLOUT[:-1], "--sql", f"{FIRST}:head").stdout
    assert f"-- waiting for the rollout: {WAITING}" in until
    assert "db-backfill" not in until.replace(f"-- {COMMAND}", "")
    server.run_script(url, until)
    assert current(deployed, url) == EXPANDED


def test_skipped_rollout_is_refused(deployed: Project, server: Server, url: str) -> None:
    """A later revision needs one that waits: that one runs if its release has been deployed."""
    add_column(deployed, LATER, "fax", after=WAITING)
    refusal = deployed.alembic(url, *UNTIL_ROLLOUT, code=255).stdout
    assert f"{WAITING} contract waits for a rollout" in only(lines_with(refusal, "FAILED"))
    assert current(deployed, url) == FIRST
    deployed.alembic(url, "upgrade", EXPANDED)
    server.query(url, "UPDATE users SET phone = 1")
    deployed.alembic(url, *UNTIL_ROLLOUT)
    assert current(deployed, url) == LATER


def test_new_database_gets_all(deployed: Project, server: Server, url: str) -> None:
    """No release runs on it that could need what a revision removes."""
    deployed.alembic(url, "downgrade", "base")
    guard(deployed, UNUSED)
    init_repository(deployed)
    git(deployed, "switch", "--quiet", "--create", "work")
    deployed.alembic(url, *UNTIL_ROLLOUT)
    assert current(deployed, url) == WAITING


@light
def test_value_of_until(deployed: Project, url: str) -> None:
    refusal = deployed.alembic(url, "-x", "until=now", "upgrade", "head", code=255).stdout
    assert "until=now: expected until=rollout" in refusal


@light
def test_code_is_ready_without_what_waits(deployed: Project, url: str, tmp_path: Path) -> None:
    """Before the contracting revision and after it, but not without the expanding one."""
    with deployed.serve("python", "-m", "app", url=url, log=tmp_path / "log") as service:
        ready = f"{service.address}/health/ready"
        behind = httpx.get(ready)
        assert behind.status_code == 503
        assert f"at revision {FIRST}, this code needs {EXPANDED}." in behind.json()["detail"]
        deployed.alembic(url, *UNTIL_ROLLOUT)
        assert httpx.get(ready).status_code == 200
        deployed.run(*shlex.split(COMMAND))
        deployed.alembic(url, "upgrade", "head")
        assert httpx.get(ready).status_code == 200


@pytest.fixture
def removal(copy: Project, url: str) -> Project:
    """Return a branch with a revision that drops a column which the models of main use."""
    copy.alembic(url, "upgrade", "head")
    init_repository(copy)
    git(copy, "switch", "--quiet", "--create", "work")
    guard(copy, UNUSED, after=FIRST)
    return copy


ALLOW = "If no release uses it: make db-migrate allow=users.name"
REASON = "the models of main use users.name, and so may running releases"


def refusal_of(project: Project, *arguments: str) -> str:
    done = project.make("db-migrate", *arguments, code=2)
    return only(lines_with(done.stdout, "FAILED"))


@light
def test_base_branch_uses_the_column(removal: Project, url: str) -> None:
    assert refusal_of(removal) == (
        f"FAILED: {REASON}: first merge and release code that does not use it. {ALLOW}"
    )
    assert "users.name" in refusal_of(removal, "allow=users.email teams")
    removal.make("db-migrate", "allow=teams users.name")
    assert current(removal, url) == WAITING


@light
def test_lint_finds_that_the_base_branch_uses_it(removal: Project) -> None:
    output = removal.script("lint", code=1).stdout
    assert f"still-used: users.name\n    {REASON}" in output
    comment = "# db-lint: allow still-used: released"
    path = only(removal.versions.glob(f"*{WAITING}*"))
    edit(path, 'require_unused("users"', f'{comment}\n    require_unused("users"')
    assert "nothing dangerous" in removal.script("lint").stdout


@light
def test_unused_column_of_the_base_branch(removal: Project, url: str) -> None:
    """It is in the table of the model, and no statement names it."""
    git(removal, "stash", "--include-untracked", "--quiet")
    git(removal, "switch", "--quiet", "main")
    model = removal.folder / "app/models/user.py"
    edit(model, "    name: Mapped[str] = mapped_column(String(100))\n", "")
    edit(model, "from kit.models import", "from kit.models import unused,")
    edit(model, "from sqlalchemy import", "from sqlalchemy import Column,")
    text = (
        model.read_text("utf-8") + '\n\nunused(User, Column("name", String(100), nullable=False))\n'
    )
    model.write_text(text, "utf-8")
    removal.alembic(url, "check")
    commit(removal)
    git(removal, "switch", "--quiet", "work")
    git(removal, "stash", "pop", "--quiet")
    removal.alembic(url, "upgrade", "head")
    assert current(removal, url) == WAITING


@light
def test_base_branch_whose_models_cannot_be_loaded(removal: Project) -> None:
    git(removal, "stash", "--include-untracked", "--quiet")
    git(removal, "switch", "--quiet", "main")
    add_file(removal, "app/models/__init__.py", "import a_package_of_main\n")
    commit(removal)
    git(removal, "switch", "--quiet", "work")
    git(removal, "stash", "pop", "--quiet")
    refusal = refusal_of(removal)
    assert "cannot check whether main uses users.name: its code does not run here: " in refusal
    assert "a_package_of_main" in refusal
    assert refusal.endswith(ALLOW)


@light
def test_without_a_checkout_the_order_decides(removal: Project, url: str) -> None:
    """As in the container of a deployment."""
    (removal.folder / ".git").rename(removal.folder / "git")
    removal.alembic(url, "upgrade", "head")
    assert current(removal, url) == WAITING


def test_checks_of_the_tests_change_the_rows(deployed: Project) -> None:
    """Their rows have no values, and no command between two revisions."""
    deployed.run("pytest", "--quiet", "-p", "no:cacheprovider", "tests", "-k", "goes_up_down")
