"""The table of exit codes in docs/reference: the situation of each cell is run."""

import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.compat import ONLY_TESTS, compat
from harness.processes import run
from harness.project import FIRST, Project
from harness.releases import commit as commit_all
from harness.releases import git as git_in
from harness.servers import free_port
from harness.template import ROOT
from harness.working_copy import add_column, commit, git, init_repository, revise

PAGE = ROOT / "docs/reference/exit-codes-and-messages.md"
ADDED, OTHER = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
BACKFILL = ("users", "--set", "name = 'x'", "--where")
TABLE = 'op.create_table("teams", sa.Column("id", sa.Integer(), primary_key=True))'
ANSWERS = "_src_path: {source}\n_commit: {commit}\n"
MARKERS = "<<<<<<< before updating\nmine\n=======\ntheirs\n>>>>>>> after updating\n"
Run = Callable[[Project, str, int], object]


def cells() -> list[tuple[str, int, str]]:
    """Return command, exit code and situation for each cell of the table."""
    text = PAGE.read_text("utf-8").partition("\n## Exit codes\n")[2].partition("\n## ")[0]
    header, _, *rows = re.findall(r"(?m)^\|(.*)\|$", text)
    columns = split_row(header)[1:]
    table = []
    for row in rows:
        name, *situations = split_row(row)
        command = re.findall(r"`([^`]+)`", name)[0]
        for column, situation in zip(columns, situations, strict=True):
            if column == "other" and situation:
                # A code without a column of its own precedes the situation.
                code, _, situation = situation.partition(": ")
                table.append((command, int(code), situation))
            elif situation:
                table.append((command, int(column), situation))
    return table


def split_row(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|")]


def status(project: Project, url: str, code: int, *arguments: str) -> None:
    project.script("status", *arguments, env={"DATABASE_URL": url}, code=code)


def status_of_all(project: Project, url: str, code: int) -> None:
    project.alembic(url, "upgrade", "head")
    status(project, url, code)


def status_of_two_heads(project: Project, url: str, code: int) -> None:
    project.alembic(url, "upgrade", "head")
    add_column(project, ADDED, "size")
    add_column(project, OTHER, "weight")
    status(project, url, code)


def update_check(project: Project, code: int, *, commit: str) -> None:
    """Compare with a template of two releases."""
    source = project.folder.parent / "template"
    source.mkdir()
    git_in("init", "--quiet", cwd=source)
    for release in ("1.0.0", "2.0.0"):
        commit_all(source, release)
        git_in("tag", "--no-sign", release, cwd=source)
    answers = ANSWERS.format(source=source, commit=commit)
    (project.folder / ".copier-answers.yml").write_text(answers, "utf-8")
    command = (sys.executable, "-m", "scripts.update", "check")
    run(*command, cwd=project.folder, code=code)


def lint(project: Project, code: int, *, column: str = "", base: str = "") -> None:
    init_repository(project)
    if column:
        revise(project, ADDED, f'op.drop_column("users", "{column}")')
    project.script("lint", env={"base": base}, code=code)


def rehearse(project: Project, code: int, upgrade: str, **variables: str) -> None:
    revise(project, ADDED, upgrade)
    project.script("rehearse", env={"base": FIRST, **variables}, code=code)


def run_compat(project: Project, code: int, *, base: str = "main", upgrade: str = "") -> None:
    for path in (project.folder / "tests").glob("test_[!u]*.py"):
        path.unlink()
    init_repository(project)
    if upgrade:
        revise(project, ADDED, upgrade)
    compat(project, ONLY_TESTS, f"base={base}", code=code)


def conflicts(project: Project, code: int, text: str) -> None:
    init_repository(project)
    (project.folder / "notes.txt").write_text(text, "utf-8")
    project.script("conflicts", code=code)


def backfill(project: Project, url: str, code: int, *arguments: str) -> None:
    project.alembic(url, "upgrade", "head")
    project.script("backfill", *arguments, env={"DATABASE_URL": url}, code=code)


def rebase(project: Project, code: int, *, base: str) -> None:
    init_repository(project)
    project.script("rebase", env={"base": base}, code=code)


def rebase_behind(project: Project, _url: str, code: int) -> None:
    """The base has a revision that is not merged into this branch."""
    init_repository(project)
    git(project, "switch", "--quiet", "--create", "ahead")
    add_column(project, ADDED, "size")
    commit(project)
    git(project, "switch", "--quiet", "main")
    project.script("rebase", env={"base": "ahead"}, code=code)


def accounts(project: Project, url: str, code: int, *arguments: str) -> None:
    project.alembic(url, "upgrade", "head")
    project.run("python", "-m", "scripts.accounts", *arguments, code=code)


def failing_revision(project: Project, url: str, code: int, upgrade: str) -> None:
    revise(project, ADDED, upgrade)
    project.alembic(url, "upgrade", "head", code=code)


def serve(project: Project, url: str, code: int) -> None:
    project.alembic(url, "upgrade", "head")
    log = project.folder.parent / "log"
    with project.serve("python", "-m", "app", url=url, log=log) as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == code


def app(project: Project, code: int, *arguments: str, url: str = "") -> None:
    environment = {"DATABASE_URL": url or "oracle://db", "PORT": str(free_port())}
    project.run("python", "-m", "app", *arguments, env=environment, code=code)


def app_that_fails(project: Project, url: str, code: int) -> None:
    """Its lifespan raises, once the settings have been read."""
    with (project.folder / "app/db.py").open("a") as file:
        file.write("\nDatabase.from_settings = None\n")
    app(project, code, url=url)


SITUATIONS: dict[tuple[str, str], Run] = {
    ("status", "the database has every revision"): status_of_all,
    ("status", "some are pending"): status,
    ("status", "you have to decide: changed, missing, several heads"): status_of_two_heads,
    ("update check", "no newer release"): lambda p, _, code: update_check(p, code, commit="2.0.0"),
    ("update check", "a newer release exists"): lambda p, _, code: update_check(
        p, code, commit="1.0.0"
    ),
    ("update check", "an error"): lambda p, _, code: update_check(p, code, commit="7.0.0"),
    ("lint", "nothing dangerous"): lambda p, _, code: lint(p, code),
    ("lint", "findings"): lambda p, _, code: lint(p, code, column="name"),
    ("lint", "no base found"): lambda p, _, code: lint(p, code, base="nowhere"),
    ("rehearse", "nothing blocks"): lambda p, _, code: rehearse(p, code, TABLE),
    ("rehearse", "a statement blocks or fails"): lambda p, _, code: rehearse(
        p, code, "op.execute(\"UPDATE users SET name = 'x'\")"
    ),
    ("rehearse", "wrong arguments"): lambda p, _, code: rehearse(p, code, TABLE, format="xml"),
    ("compat", "the old code runs on the new schema, or nothing to do"): (
        lambda p, _, code: run_compat(p, code)
    ),
    ("compat", "something breaks"): lambda p, _, code: run_compat(
        p, code, upgrade='op.drop_column("users", "name")'
    ),
    ("compat", "it cannot be decided: no base, no time, a failing revision"): (
        lambda p, _, code: run_compat(p, code, base="nowhere")
    ),
    ("conflicts", "none"): lambda p, _, code: conflicts(p, code, "mine\n"),
    ("conflicts", "files with conflicts"): lambda p, _, code: conflicts(p, code, MARKERS),
    ("backfill", "all rows are done"): lambda p, url, code: backfill(
        p, url, code, *BACKFILL, "name = 'y'"
    ),
    ("backfill", "stopped; run it again"): lambda p, url, code: backfill(
        p, url, code, *BACKFILL, "nam = 'y'"
    ),
    ("backfill", "wrong arguments"): lambda p, url, code: backfill(p, url, code, "users"),
    ("accounts", "done, or nothing to do"): lambda p, url, code: accounts(p, url, code, "clean"),
    ("accounts", "refused, or a database error"): lambda p, url, code: accounts(
        p, url, code, "promote", "--email=ada@example.com", "--role=admin"
    ),
    ("accounts", "wrong arguments"): lambda p, url, code: accounts(p, url, code, "create"),
    ("rebase", "done, or nothing to do"): lambda p, _, code: rebase(p, code, base="main"),
    ("rebase", "refused"): rebase_behind,
    ("rebase", "no base found"): lambda p, _, code: rebase(p, code, base="nowhere"),
    ("alembic", "done"): lambda p, url, code: p.alembic(url, "upgrade", "head", code=code),
    ("alembic", "a setting is missing or invalid; a Python error in a revision"): (
        lambda p, url, code: failing_revision(p, url, code, "op.no_such_operation()")
    ),
    ("alembic", "wrong arguments"): lambda p, url, code: p.alembic(url, "upgrade", code=code),
    (
        "alembic",
        "refused, or a database error; the line starts with `FAILED:`",
    ): lambda p, url, code: failing_revision(p, url, code, 'op.execute("SELECT * FROM no")'),
    ("app", "stopped by SIGTERM"): serve,
    ("app", "a setting is missing or invalid; the port is in use"): lambda p, _, code: app(p, code),
    ("app", "wrong arguments"): lambda p, url, code: app(p, code, "--no-such", url=url),
    ("app", "the application does not start; see the log"): app_that_fails,
}


@pytest.fixture
def copy(projects: Callable[..., Project], url: str, command: str, tmp_path: Path) -> Project:
    """Return a copy of a project that has the command."""
    auth = "none"
    if command == "python -m scripts.accounts":
        auth = "accounts"
    return projects("sqlite", auth=auth).copy(tmp_path / "orders", url)


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("command", "code", "situation"), cells())
def test_situation_ends_with_the_code(
    copy: Project, url: str, command: str, code: int, situation: str
) -> None:
    name = re.sub(r"^python -m (scripts\.)?", "", command)
    if name.startswith("alembic"):
        name = "alembic"
    assert (name, situation) in SITUATIONS, "no situation is known for this cell"
    SITUATIONS[name, situation](copy, url, code)


def test_every_situation_is_in_the_table() -> None:
    assert len(cells()) == len(SITUATIONS)
