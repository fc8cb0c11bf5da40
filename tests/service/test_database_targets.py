"""The targets of a generated Makefile that use a database; what they cannot do is one line."""

import pytest

from harness.databases import SERVERS, Server
from harness.processes import lines_of, only
from harness.project import FIRST, Project
from harness.template import DATABASES
from harness.working_copy import add_column

pytestmark = pytest.mark.seconds(30)

# Those whose server may be another machine.
REMOTE_DATABASES = [name for name in DATABASES if SERVERS[name].REMOTE]


def test_start_and_stop_twice(project: Project) -> None:
    address = project.environment_file["DATABASE_URL"]
    project.make("db-stop")
    assert "nothing to" in project.make("db-stop").stdout
    project.make("db-start")
    project.make("db-start")
    assert project.environment_file["DATABASE_URL"] == address
    project.make("db-status")


def test_database_says_where_it_is(copy: Project, url: str) -> None:
    """A database that the project does not run is neither started nor stopped."""
    assert copy.make("db-start").stdout.count("\n") == 1
    assert copy.environment_file["DATABASE_URL"] == url


def test_reset_wants_the_name(copy: Project, server: Server, url: str) -> None:
    copy.alembic(url, "upgrade", "head")
    server.query(url, "CREATE TABLE precious (id integer)")
    for answer in ("", "yes\n", "production\n"):
        done = copy.make("db-reset", stdin=answer, code=None)
        assert len(lines_of(done.stderr)) == 1, done.stderr
    copy.make("db-reset", "confirm=production", code=None)
    assert server.query(url, "SELECT count(*) FROM precious") == [(0,)]
    copy.make("db-reset", f"confirm={server.name(url)}")
    copy.script("status")
    assert "precious" not in str(server.schema(url))


def test_reset_takes_the_name_typed(copy: Project, server: Server, url: str) -> None:
    server.query(url, "CREATE TABLE precious (id integer)")
    copy.make("db-reset", stdin=f"{server.name(url)}\n")
    assert "precious" not in str(server.schema(url))


@pytest.mark.parametrize("project", REMOTE_DATABASES, indirect=True)
def test_reset_refuses_another_machine(project: Project, server: Server) -> None:
    environment = {"DATABASE_URL": str(server.REMOTE)}
    done = project.make("db-reset", "confirm=orders", env=environment, code=None)
    line = only(lines_of(done.stderr))
    assert "db.example.com" in line
    assert "s3cret" not in line


def test_shell_reads_queries(copy: Project, url: str) -> None:
    copy.alembic(url, "upgrade", "head")
    query = "SELECT 41 + 1; SELECT version_num FROM alembic_version;\n"
    done = copy.make("db-shell", stdin=query)
    assert "42" in done.stdout
    assert FIRST in done.stdout


def test_sql_is_printed_and_nothing_else(copy: Project, server: Server, url: str) -> None:
    server.run_script(url, copy.make("db-sql").stdout)
    copy.alembic(url, "check")
    assert "create users" in copy.make("db-history").stdout


def test_sql_of_some_revisions(copy: Project) -> None:
    add_column(copy, "aaaaaaaaaaaa", "size")
    add_column(copy, "bbbbbbbbbbbb", "weight", after="aaaaaaaaaaaa")
    printed = copy.make("db-sql", f"rev={FIRST}:aaaaaaaaaaaa").stdout
    assert "ADD COLUMN size" in printed
    assert "CREATE TABLE users" not in printed, "of an earlier revision"
    assert "weight" not in printed, "of a later revision"


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
@pytest.mark.parametrize("message", ["", " "])
def test_revision_wants_a_message(project: Project, message: str) -> None:
    done = project.make("db-revision", f"m={message}", code=None)
    assert len(lines_of(done.stderr)) == 1, done.stderr
    assert len(project.revisions) == 1


@pytest.mark.parametrize("target", ["db-migrate", "db-status", "db-start"])
def test_unreadable_url_is_one_line(project: Project, server: Server, target: str) -> None:
    done = project.make(target, env={"DATABASE_URL": server.UNREADABLE}, code=None)
    line = only(lines_of(done.stderr))
    assert line.startswith("DATABASE_URL")
    assert "s3cret" not in line
