"""The generated Makefile: each target does what its line says, or says in one why it cannot."""

import dataclasses
import json
import os
import re
import shutil
import socket
import stat
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from harness.databases import SERVERS, Server
from harness.processes import only, run, said
from harness.project import FIRST, Project, set_up, stopped
from harness.template import DATABASES, ROOT, render
from harness.working_copy import add_column

pytestmark = pytest.mark.seconds(55)

TARGETS = [
    "help",
    "setup",
    "dev",
    "run",
    "test",
    "coverage",
    "lint",
    "format",
    "typecheck",
    "conflicts",
    "check",
    "update",
    "update-check",
    "db-start",
    "db-stop",
    "db-migrate",
    "db-rollback",
    "db-revision",
    "db-status",
    "db-history",
    "db-diagram",
    "db-check",
    "db-lint",
    "db-rebase",
    "db-sql",
    "db-backfill",
    "db-reset",
    "db-shell",
    "openapi",
    "images",
]
LINE = re.compile(r"^ *([a-z-]+) +(\S.*)$")
# In a service targets are listed in groups, which blank lines separate.
GROUP = re.compile(r"^([A-Z][a-z ]+)?$")


def listed(text: str) -> dict[str, str]:
    lines = [LINE.match(line) for line in text.splitlines() if not GROUP.match(line)]
    assert all(lines), text
    return {line[1]: line[2] for line in lines if line}


def test_make_lists_the_targets(project: Project) -> None:
    found = listed(project.make().stdout)
    assert found.keys() >= set(TARGETS)
    rules = project.make("--print-data-base", "--dry-run", "help").stdout
    names = set(only(re.findall(r"(?m)^\.PHONY:(.*)$", rules)).split())
    assert names - found.keys() == {".copier", ".stale"} | {f"kit-{name}" for name in found}
    assert found.keys() <= names


def test_targets_for_every_day_come_first(project: Project) -> None:
    lines = project.make().stdout.splitlines()
    assert lines[0] == "Every day"
    assert {"setup", "dev", "test", "check"} <= listed("\n".join(lines[: lines.index("")])).keys()
    assert lines.index("") < 10


OWN = """include kit/make.mk
include own.mk
NAME := x:y ## No target
  audit : ## Audit
\t@echo audited
check: kit-conflicts audit ## Checks and the audit
typecheck: base = main
first second: ## Two in a row
\t@echo $@
ship-%: ## Ship to a place
\t@echo $*
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_own_targets_win(source: Path, tmp_path: Path, end: str) -> None:
    folder = render(source, tmp_path / "orders", {"database": "sqlite"})
    (folder / "Makefile").write_bytes(OWN.replace("\n", end).encode())
    (folder / "own.mk").write_bytes(f"lint: ## Own lint{end}\t@echo linted{end}".encode())
    (folder / "audit").touch()
    text = run("make", "--no-print-directory", cwd=folder).stdout
    assert "\r" not in text
    lines = text.splitlines()
    names = [line.split()[0] for line in lines[: lines.index("")]]
    assert names == ["Yours", "audit", "check", "first", "second", "ship-%", "lint"]
    make = ("make", "--no-print-directory", "-j4", "-o", ".venv/.synced", "-o", ".stale")
    assert run(*make, "lint", cwd=folder).stdout.split() == ["linted"]
    assert run(*make, "audit", cwd=folder).stdout.split() == ["audited"]
    assert "audited" in run(*make, "check", cwd=folder).stdout
    assert "mypy" in run(*make, "-n", "typecheck", cwd=folder).stdout
    assert "ruff check" in run(*make, "-n", "kit-lint", cwd=folder).stdout


@pytest.mark.parametrize("name", ["pyproject.toml", "kit/pyproject.toml"])
def test_changed_dependencies_are_installed(source: Path, tmp_path: Path, name: str) -> None:
    folder = render(source, tmp_path / "orders", {"database": "sqlite"})
    synced = folder / ".venv/.synced"
    synced.parent.mkdir()
    synced.touch()
    now = synced.stat().st_mtime
    for file in ("pyproject.toml", "kit/pyproject.toml"):
        os.utime(folder / file, (now - 60, now - 60))
    make = ("make", "-n", "-o", ".stale", "test")
    assert " sync --quiet" not in run(*make, cwd=folder).stdout
    os.utime(folder / name, (now + 60, now + 60))
    assert " sync --quiet" in run(*make, cwd=folder).stdout


def test_own_makefile_lists_its_targets() -> None:
    found = listed(run("make", "--no-print-directory", cwd=ROOT).stdout)
    assert found.keys() >= {"help", "test", "test-fast", "demo", "lint"}


def test_environment_file_is_private(project: Project) -> None:
    """It may have a password, and `make db-start` writes it."""
    assert stat.S_IMODE((project.folder / ".env").stat().st_mode) == 0o600


def test_nothing_to_do_is_said(copy: Project) -> None:
    copy.make("db-migrate")
    state = f"nothing to do: the database is at {FIRST}"
    assert copy.make("db-migrate").stdout.splitlines() == [state]
    assert "nothing to do" not in copy.make("db-rollback").stdout
    failed = copy.make("db-rollback", code=None)
    line = "FAILED: nothing to roll back: no revision is applied"
    assert said(failed.stdout + failed.stderr) == [line]
    done = copy.make("db-rollback", "rev=base")
    assert done.stdout.splitlines() == ["nothing to do: the database is at base"]
    assert copy.make("conflicts").stdout.splitlines() == ["no unresolved conflicts of an update"]


def test_openapi_says_what_it_has_written(copy: Project) -> None:
    file = copy.folder / "openapi.json"
    assert copy.make("openapi").stdout.startswith("openapi.json written: ")
    before = file.read_bytes()
    assert json.loads(before)["paths"].keys() >= {"/users", "/health/live"}
    assert copy.make("openapi").stdout.startswith("nothing to do: openapi.json is up to date")
    done = copy.make("openapi", env={"ORDERS_PORT": "tcp://x"}, code=None)
    assert said(done.stderr)[0].startswith("ORDERS_PORT: ")
    assert file.read_bytes() == before, "a failure leaves the file alone"


def test_hooks_want_a_repository(copy: Project) -> None:
    done = copy.make("hooks", env={"GIT_CEILING_DIRECTORIES": str(copy.folder.parent)}, code=2)
    assert said(done.stderr) == ["not in a git repository: git init"]
    copy.run("git", "init", "--quiet")
    copy.make("hooks")
    assert (copy.folder / ".git/hooks/pre-commit").exists()


def test_site_says_that_its_port_is_taken() -> None:
    """At once, not after it was built."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = (sys.executable, "-m", "website", "--serve", f"--port={port}")
        done = run(*command, cwd=ROOT, code=1)
    line = only(done.stderr.splitlines())
    assert line.startswith(f"cannot listen on 127.0.0.1:{port}: ")
    assert not done.stdout


def test_setup_again_changes_nothing(project: Project) -> None:
    before = (project.folder / ".env").read_bytes()
    assert "Running upgrade" not in project.make("setup").stderr
    assert (project.folder / ".env").read_bytes() == before


def test_start_and_stop_twice(project: Project) -> None:
    address = project.environment_file["DATABASE_URL"]
    project.make("db-stop")
    assert "nothing to" in project.make("db-stop").stdout
    project.make("db-start")
    project.make("db-start")
    assert project.environment_file["DATABASE_URL"] == address
    project.make("db-status")


def test_database_says_where_it_is(copy: Project, url: str) -> None:
    """Somebody else's database is neither started nor stopped."""
    assert copy.make("db-start").stdout.count("\n") == 1
    assert copy.environment_file["DATABASE_URL"] == url


def test_reset_wants_the_name(copy: Project, server: Server, url: str) -> None:
    copy.make("db-migrate")
    server.query(url, "CREATE TABLE precious (id integer)")
    for answer in ("", "yes\n", "production\n"):
        done = copy.make("db-reset", stdin=answer, code=None)
        assert len(said(done.stderr)) == 1, done.stderr
    copy.make("db-reset", "confirm=production", code=None)
    assert server.query(url, "SELECT count(*) FROM precious") == [(0,)]
    copy.make("db-reset", f"confirm={server.name(url)}")
    copy.make("db-status")
    assert "precious" not in str(server.schema(url))


def test_reset_takes_the_name_typed(copy: Project, server: Server, url: str) -> None:
    server.query(url, "CREATE TABLE precious (id integer)")
    copy.make("db-reset", stdin=f"{server.name(url)}\n")
    assert "precious" not in str(server.schema(url))


@pytest.mark.parametrize(
    "project", [name for name in DATABASES if SERVERS[name].REMOTE], indirect=True
)
def test_reset_refuses_another_machine(project: Project, server: Server) -> None:
    environment = {"DATABASE_URL": str(server.REMOTE)}
    done = project.make("db-reset", "confirm=orders", env=environment, code=None)
    line = only(said(done.stderr))
    assert "db.example.com" in line
    assert "s3cret" not in line


def test_shell_reads_queries(copy: Project) -> None:
    copy.make("db-migrate")
    query = "SELECT 41 + 1; SELECT version_num FROM alembic_version;\n"
    done = copy.make("db-shell", stdin=query)
    assert "42" in done.stdout
    assert FIRST in done.stdout


def test_sql_is_printed_and_nothing_else(copy: Project, server: Server, url: str) -> None:
    server.run_script(url, copy.make("db-sql").stdout)
    copy.make("db-check")
    assert "create users" in copy.make("db-history").stdout


def test_sql_of_some_revisions(copy: Project) -> None:
    add_column(copy, "aaaaaaaaaaaa", "size")
    add_column(copy, "bbbbbbbbbbbb", "weight", after="aaaaaaaaaaaa")
    printed = copy.make("db-sql", f"rev={FIRST}:aaaaaaaaaaaa").stdout
    assert "ADD COLUMN size" in printed
    assert "CREATE TABLE users" not in printed, "of an earlier revision"
    assert "weight" not in printed, "of a later revision"


@pytest.mark.parametrize("message", ["", " "])
def test_revision_wants_a_message(project: Project, message: str) -> None:
    done = project.make("db-revision", f"m={message}", code=None)
    assert len(said(done.stderr)) == 1, done.stderr
    assert len(project.revisions) == 1


@pytest.mark.parametrize("target", ["db-migrate", "db-status", "db-start"])
def test_unreadable_url_is_one_line(project: Project, server: Server, target: str) -> None:
    done = project.make(target, env={"DATABASE_URL": server.UNREADABLE}, code=None)
    line = only(said(done.stderr))
    assert line.startswith("DATABASE_URL")
    assert "s3cret" not in line


# Folders that a missing quote, an ASCII codec or a socket's length limit would break.
FOLDERS = {"blank": "My Projects/größe 주문", "deep": "/".join(["a" * 50] * 4)}


@pytest.mark.slow
@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("folder", FOLDERS)
def test_any_folder_will_do(source: Path, tmp_path: Path, database: str, folder: str) -> None:
    """With names of a service that SQL would take for words of its own, or of full length."""
    place = tmp_path / FOLDERS[folder] / "here"
    name = {"blank": "table", "deep": "o" * 40}[folder]
    render(source, place, {"database": database, "service_name": name})
    place.parent.chmod(0o700)
    with (
        set_up(place, database) as project,
        project.serve("make", "run", log=tmp_path / "log") as server,
    ):
        project.make("db-check")
        assert server.answers()
        # A user who reaches the socket is a superuser.
        url = project.environment_file["DATABASE_URL"]
        for folder_of_socket in parse_qs(urlsplit(url).query).get("host", []):
            path = Path(folder_of_socket, ".s.PGSQL.5432")
            assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)] == [0o700] * 2
    # Other users still cannot pass through a folder that was closed to them.
    assert not place.parent.stat().st_mode & 0o007


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_moved_folder_brings_its_server_along(copy: Project, tmp_path: Path) -> None:
    """The one that was started elsewhere is stopped; that of a folder that was copied is not."""
    environment = copy.folder / ".env"
    environment.write_text("DATABASE_URL=\n", "utf-8")

    def start(project: Project) -> str:
        project.make("db-start")
        url = project.environment_file["DATABASE_URL"]
        with psycopg.connect(url):
            return url

    with stopped(copy):
        first = start(copy)
        second = dataclasses.replace(copy, folder=tmp_path / "second")
        shutil.copytree(copy.folder, second.folder, symlinks=True, ignore=SOCKETS)
        give_to_owner(copy.folder / ".postgres", second.folder / ".postgres")
        with stopped(second):
            assert start(second) != first
            psycopg.connect(first).close()
        moved = dataclasses.replace(copy, folder=copy.folder.rename(tmp_path / "moved"))
        with stopped(moved):
            assert start(moved) != first


SOCKETS = shutil.ignore_patterns(".s.PGSQL*")


def give_to_owner(original: Path, copied: Path) -> None:
    """Do what `cp -a` does, so that the server of a copy can read its files as well."""
    for path in (original, *original.rglob("*")):
        name = copied / path.relative_to(original)
        if name.exists():
            os.chown(name, path.stat().st_uid, path.stat().st_gid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")
@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_folders_are_opened_with_a_warning(copy: Project, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    moved = dataclasses.replace(copy, folder=copy.folder.rename(closed / "orders"))
    (moved.folder / ".env").write_text("DATABASE_URL=\n", "utf-8")
    with stopped(moved):
        warnings = moved.make("db-start").stderr.splitlines()
        assert [line for line in warnings if line.startswith(f"warning: opened {closed} to ")]
        assert not closed.stat().st_mode & 0o007, "open to all users"
        assert moved.make("db-start").stderr == ""


@pytest.mark.slow
def test_setup_brings_uv_along(source: Path, tmp_path: Path) -> None:
    """Where uv is not installed, it comes into the project's own environment."""
    folder = render(source, tmp_path / "orders", {"database": DATABASES[-1]})
    with set_up(folder, DATABASES[-1], "UV=.venv/bin/uv") as project:
        assert (folder / ".venv/bin/uv").exists()
        project.make("db-status")
