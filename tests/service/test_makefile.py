"""The generated Makefile: which targets it lists, how a service adds its own, and what they do."""

import json
import os
import re
import shutil
import socket
import stat
import sys
from pathlib import Path

import pytest

from harness.processes import lines_of, only, run
from harness.project import FIRST, Project, set_up
from harness.template import DATABASES, ROOT, render

pytestmark = pytest.mark.seconds(25)

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
    "db-compat",
    "db-rebase",
    "db-sql",
    "db-backfill",
    "db-reset",
    "db-seed",
    "db-shell",
    "openapi",
    "openapi-check",
    "client",
    "images",
]
LINE = re.compile(r" *([a-z-]+) +(\S.*)")
# In a service targets are listed in groups, which blank lines separate.
GROUP = re.compile(r"([A-Z][a-z ]+)?")


def listed(text: str) -> dict[str, str]:
    """Return what `make` lists: the targets with their descriptions."""
    descriptions = {}
    for line in text.splitlines():
        if not GROUP.fullmatch(line):
            match = LINE.fullmatch(line)
            assert match, line
            descriptions[match[1]] = match[2]
    return descriptions


def test_make_lists_the_targets(project: Project) -> None:
    targets = listed(project.make().stdout).keys()
    assert targets >= set(TARGETS)
    rules = project.make("--print-data-base", "--dry-run", "help").stdout
    phony = set(only(re.findall(r"(?m)^\.PHONY:(.*)$", rules)).split())
    of_kit = {f"kit-{name}" for name in targets}
    assert phony == {".copier", ".stale"} | targets | of_kit


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
    heading, *targets = text.partition("\n\n")[0].splitlines()
    assert heading == "Yours"
    names = [line.split()[0] for line in targets]
    assert names == ["audit", "check", "first", "second", "ship-%", "lint"]
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
    targets = listed(run("make", "--no-print-directory", cwd=ROOT).stdout).keys()
    assert targets >= {"help", "test", "test-fast", "demo", "lint"}


def test_environment_file_is_private(project: Project) -> None:
    """It may have a password; `make db-start` writes it."""
    assert stat.S_IMODE((project.folder / ".env").stat().st_mode) == 0o600


def test_nothing_to_do_is_said(copy: Project) -> None:
    copy.make("db-migrate")
    state = f"nothing to do: the database is at {FIRST}"
    assert copy.make("db-migrate").stdout.splitlines() == [state]
    assert "nothing to do" not in copy.make("db-rollback").stdout
    failed = copy.make("db-rollback", code=None)
    line = "FAILED: nothing to roll back: no revision is applied"
    assert lines_of(failed.stdout + failed.stderr) == [line]
    done = copy.make("db-rollback", "rev=base")
    assert done.stdout.splitlines() == ["nothing to do: the database is at base"]
    assert copy.make("conflicts").stdout.splitlines() == ["no unresolved update conflicts"]


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_openapi_says_what_it_has_written(copy: Project) -> None:
    file = copy.folder / "openapi.json"
    assert copy.make("openapi").stdout.startswith("openapi.json written: ")
    before = file.read_bytes()
    assert json.loads(before)["paths"].keys() >= {"/users", "/health/live"}
    assert copy.make("openapi").stdout.startswith("nothing to do: openapi.json is up to date")
    done = copy.make("openapi", env={"ORDERS_PORT": "tcp://x"}, code=None)
    assert lines_of(done.stderr)[0].startswith("ORDERS_PORT: ")
    assert file.read_bytes() == before, "a failure leaves the file alone"


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_hooks_want_a_repository(copy: Project) -> None:
    done = copy.make("hooks", env={"GIT_CEILING_DIRECTORIES": str(copy.folder.parent)}, code=2)
    assert lines_of(done.stderr) == ["not in a git repository: run git init"]
    copy.run("git", "init", "--quiet")
    copy.make("hooks")
    assert (copy.folder / ".git/hooks/pre-commit").exists()


def test_site_says_that_its_port_is_taken() -> None:
    """Before it is built, not afterwards."""
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


@pytest.mark.slow
def test_setup_brings_uv_along(source: Path, tmp_path: Path) -> None:
    """Where uv is not installed, it comes into the project's own environment."""
    folder = render(source, tmp_path / "orders", {"database": DATABASES[-1]})
    with set_up(folder, DATABASES[-1], "UV=.venv/bin/uv") as project:
        assert (folder / ".venv/bin/uv").exists()
        project.make("db-status")


@pytest.mark.parametrize("makefile", ["template", "service"])
def test_format_does_what_it_can(source: Path, tmp_path: Path, makefile: str) -> None:
    """Neither a finding without a fix nor a broken file keeps it from formatting the rest."""
    folder = tmp_path / "orders"
    if makefile == "service":
        render(source, folder, {"database": "sqlite"})
    else:
        folder.mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    command = ("make", "--no-print-directory", "-o", ".venv/.synced", "-o", ".stale", "format")
    (folder / "ugly.py").write_text("import os, sys\nprint( undefined_name )\n", "utf-8")
    done = run(*command, cwd=folder, code=None)
    assert "ugly.py:" in done.stdout
    assert "undefined_name" in done.stdout
    assert (folder / "ugly.py").read_text("utf-8") == "print(undefined_name)\n"
    (folder / "ugly.py").write_text("print( 1 )\n", "utf-8")
    (folder / "broken.py").write_text("def (\n", "utf-8")
    done = run(*command, cwd=folder, code=None)
    assert "broken.py" in done.stdout + done.stderr
    assert (folder / "ugly.py").read_text("utf-8") == "print(1)\n"
    (folder / "broken.py").unlink()
    if makefile == "template":
        (folder / "ugly.py").write_text("x = 1\n", "utf-8")
        run(*command, cwd=folder)
