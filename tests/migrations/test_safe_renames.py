"""Renamed columns and tables: the question, the answers of the command line, and what is written."""

import re
from collections.abc import Iterator

import pexpect
import pytest

from harness.databases import Server
from harness.output import lines_with
from harness.processes import clean_environment, only
from harness.project import FIRST, Project
from harness.releases import edit
from harness.working_copy import init_repository

ADA = (
    "INSERT INTO users (id, email, name)"
    " VALUES ('00000000-0000-0000-0000-00000000000{}', '{}@example.com', 'Ada')"
)
POSTGRESQL = pytest.mark.parametrize("project", ["postgresql"], indirect=True)
# Where no database has a part in it, with the one that costs less.
LIGHT = pytest.mark.parametrize("project", ["sqlite"], indirect=True)


@pytest.fixture
def renamed(copy: Project, server: Server, url: str) -> Project:
    """Return a project whose model has a new name for a column of a table with a row."""
    copy.alembic(url, "upgrade", "head")
    server.query(url, ADA.format(1, "ada"))
    model = copy.folder / "app/models/user.py"
    edit(model, "    name: Mapped[str] =", "    full_name: Mapped[str] =")
    return copy


def write(project: Project, url: str, rename: str) -> str:
    """Write the revision, as `make db-revision rename=...` does."""
    command = ("-x", f"rename={rename}", "revision", "--autogenerate", "-m", "rename")
    return project.alembic(url, *command).stdout


def texts(project: Project) -> str:
    """Return the new revisions."""
    new = [path for path in project.revisions if "create_users" not in path.name]
    return "\n".join(path.read_text("utf-8") for path in new)


def lint(project: Project) -> str:
    """Return the findings; SQLite has some where PostgreSQL has a safe way."""
    code = int(project.database == "sqlite")
    return project.script("lint", env={"base": FIRST}, code=code).stdout


def up_down_and_up(project: Project, url: str) -> None:
    """Migrate back and forth; the models and the database agree."""
    for _ in range(2):
        project.alembic(url, "-x", "allow=users.name users", "upgrade", "head")
        project.alembic(url, "check")
        project.alembic(url, "downgrade", FIRST)
    project.alembic(url, "-x", "allow=users.name users", "upgrade", "head")


@pytest.fixture
def terminal(renamed: Project) -> Iterator["pexpect.spawn[str]"]:
    environment = clean_environment({"PATH": renamed.path})
    session = pexpect.spawn(
        "make",
        ["db-revision", "m=rename"],
        cwd=str(renamed.folder),
        env=environment,
        encoding="utf-8",
        timeout=60,
        dimensions=(24, 200),
    )
    yield session
    session.close(force=True)


QUESTION = {
    "postgresql": "Is users.full_name a new name of users.name? [y]es, both while releases overlap"
    " / [r]ename immediately: no release runs / [n]o: ",
    "sqlite": "Is users.full_name a new name of users.name? [r]ename it / [n]o: ",
}


def test_question_in_a_terminal(renamed: Project, terminal: "pexpect.spawn[str]") -> None:
    terminal.expect_exact(QUESTION[renamed.database])
    terminal.sendline("what?")
    terminal.expect_exact(QUESTION[renamed.database])
    terminal.sendline("r")
    terminal.expect(pexpect.EOF)
    text = texts(renamed)
    assert "db-lint: allow renaming-column" in text
    assert "drop_column" not in text


def test_answer_no(renamed: Project, terminal: "pexpect.spawn[str]") -> None:
    """The revision says it, as db-lint cannot know that the developer has been asked."""
    terminal.expect_exact(QUESTION[renamed.database])
    terminal.sendline("n")
    terminal.expect(pexpect.EOF)
    assert "drop_column" in texts(renamed)
    assert "possible-rename" not in lint(renamed)


@LIGHT
def test_end_of_the_terminal(renamed: Project, terminal: "pexpect.spawn[str]") -> None:
    terminal.expect_exact(QUESTION[renamed.database])
    terminal.sendeof()
    terminal.expect_exact("no answer, no revision")
    terminal.expect(pexpect.EOF)
    assert not texts(renamed)


@LIGHT
def test_without_a_terminal_lint_asks(renamed: Project) -> None:
    renamed.make("db-revision", "m=rename")
    assert "drop_column" in texts(renamed)
    output = renamed.script("lint", env={"base": FIRST}, code=1).stdout
    assert "possible-rename: users.name, users.full_name\n" in output
    assert "make db-revision rename=users.name:full_name" in output


@LIGHT
@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ("users.name", "rename=users.name: expected rename=users.phone_number:phone"),
        (
            "users.email:full_name",
            "rename=users.email:full_name: the models must have the new name",
        ),
    ],
)
def test_request_that_does_not_fit(renamed: Project, request_: str, reason: str) -> None:
    done = renamed.make("db-revision", "m=rename", f"rename={request_}", code=2)
    assert reason in only(lines_with(done.stdout, "FAILED"))


@POSTGRESQL
def test_releases_with_either_name_write(renamed: Project, server: Server, url: str) -> None:
    """From the first revision to the last but one, no row is out of step."""
    write(renamed, url, "users.name:full_name")
    init_repository(renamed)
    assert "nothing dangerous" in renamed.script("lint", env={"base": FIRST}).stdout
    renamed.alembic(url, "-x", "until=rollout", "upgrade", "head")
    server.query(url, ADA.format(2, "old"))
    server.query(url, ADA.format(3, "new").replace("name)", "full_name)"))
    server.query(url, "UPDATE users SET name = 'Bob' WHERE email = 'new@example.com'")
    server.query(url, "UPDATE users SET full_name = 'Eve' WHERE email = 'old@example.com'")
    rows = server.query(url, "SELECT name, full_name FROM users ORDER BY id")
    assert rows == [("Ada", None), ("Eve", "Eve"), ("Bob", "Bob")]
    refusal = renamed.alembic(url, "upgrade", "head", code=255).stdout
    command = 'make db-backfill table=users set="full_name = name"'
    assert command in only(lines_with(refusal, "FAILED"))
    renamed.make("db-backfill", "table=users", "set=full_name = name", "where=full_name IS NULL")
    up_down_and_up_filled(renamed, server, url)


def up_down_and_up_filled(project: Project, server: Server, url: str) -> None:
    """Migrate back to the first revision of the chain, whose columns are equal, and forth."""
    for _ in range(2):
        project.alembic(url, "-x", "allow=users.name", "upgrade", "head")
        project.alembic(url, "check")
        names = server.query(url, "SELECT full_name FROM users ORDER BY id")
        assert names == [("Ada",), ("Eve",), ("Bob",)]
        first = re.search(r'(?m)^revision: str = "(\w+)"', texts(project))
        assert first is not None
        project.alembic(url, "downgrade", first[1])
        equal = server.query(url, "SELECT count(*) FROM users WHERE name = full_name")
        assert equal == [(3,)]


def test_rename_at_once(renamed: Project, server: Server, url: str) -> None:
    """With its unique constraint, which PostgreSQL keeps."""
    model = renamed.folder / "app/models/user.py"
    edit(model, "email: Mapped[str]", "mail: Mapped[str | None]")
    for text in ('("email")', '"email = lower(email)"'):
        edit(model, text, text.replace("email", "mail"), times=2)
    write(renamed, url, "users.name:full_name:at-once users.email:mail:at-once")
    assert "drop_column" not in texts(renamed)
    assert "renam" not in lint(renamed).replace("-rename.py", "")
    up_down_and_up(renamed, url)
    assert server.query(url, "SELECT mail, full_name FROM users") == [("ada@example.com", "Ada")]


@pytest.fixture
def renamed_table(copy: Project, server: Server, url: str) -> Project:
    copy.alembic(url, "upgrade", "head")
    server.query(url, ADA.format(1, "ada"))
    edit(copy.folder / "app/models/user.py", '__tablename__ = "users"', '__tablename__ = "people"')
    return copy


def test_renamed_table(renamed_table: Project, server: Server, url: str) -> None:
    """Its constraints get the names of the convention, and the rows stay."""
    output = write(renamed_table, url, "users:people")
    assert "drops tables" not in output or renamed_table.database == "sqlite"
    assert "nothing dangerous" in renamed_table.script("lint", env={"base": FIRST}).stdout
    up_down_and_up(renamed_table, url)
    assert server.query(url, "SELECT email FROM people") == [("ada@example.com",)]


@POSTGRESQL
def test_former_release_uses_a_view(renamed_table: Project, server: Server, url: str) -> None:
    write(renamed_table, url, "users:people")
    renamed_table.alembic(url, "-x", "until=rollout", "upgrade", "head")
    server.query(url, ADA.format(2, "old") + " RETURNING is_active")
    server.query(url, "UPDATE users SET name = 'Eve' WHERE email = 'old@example.com'")
    server.query(url, "DELETE FROM users WHERE email = 'ada@example.com'")
    assert server.query(url, "SELECT name, is_active FROM people") == [("Eve", True)]
