"""What the targets of a generated Makefile do with values, and with an environment that is stale.

Programs of a fake environment note what they are started with, so that no real one is needed.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.processes import Completed, Environment, lines_of, only, run
from harness.template import ROOT, render

# Where each variable of each target arrives, with what else the target wants to be told.
USES = {
    ("db-migrate", "rev"): {},
    ("db-rollback", "rev"): {},
    ("db-sql", "rev"): {},
    ("db-revision", "m"): {},
    ("db-lint", "base"): {},
    ("db-rebase", "base"): {},
    ("db-backfill", "table"): {"set": "a = b", "where": "c"},
    ("db-backfill", "set"): {"table": "users", "where": "c"},
    ("db-backfill", "where"): {"table": "users", "set": "a = b"},
    ("db-reset", "confirm"): {},
    ("update", "to"): {},
    ("update", "data"): {},
    ("update", "trust"): {},
    ("update-check", "to"): {},
}
VARIABLES = sorted({variable for _, variable in USES})
VALUES = [
    "costs $5",
    "$(shell touch ran)",
    "$$HOME ${HOME} `touch ran` $(HOME)",
    """it's "quoted" \\ back\\slash \\n""",
    "# no comment",
    "--help",
    "-1",
    "two\nlines",
    "blank at the end ",
    "name LIKE '50%'; touch ran",
]
PROGRAM = f"""#!{sys.executable} -S
import json, os, sys
variables = {{name: os.environ.get(name) for name in {VARIABLES!r}}}
started = {{"arguments": sys.argv[1:], "variables": variables}}
if "uv" in sys.argv[0] and sys.argv[1] == "sync":
    os.system("sh ./sync")
else:
    print(json.dumps(started))
"""
# What makes the environment, whose programs name its folder.
PYTHON = Path(sys.executable).resolve().name
SYNC = f"""
mkdir -p .venv/bin .venv/lib/{PYTHON}
ln -sf {{python}} .venv/bin/python
for name in alembic pre-commit; do
    program=.venv/bin/$name
    printf '#!/bin/sh\\n# %s/bin/python\\necho %s "$@"\\n' "$(cd .venv && pwd -P)" $name > $program
    chmod +x $program
done
"""


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)


@pytest.fixture(scope="module")
def faked(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose programs print what they were started with."""
    folder = render(source, tmp_path_factory.mktemp("faked") / "orders", {"database": "sqlite"})
    for name in ("alembic", "python", "uv"):
        write_program(folder / ".venv/bin" / name, PROGRAM)
    (folder / ".venv/.path").symlink_to(folder / ".venv")
    (folder / ".env").touch()
    (folder / ".venv/.synced").touch()
    return folder


def make(
    folder: Path, *arguments: str, env: Environment | None = None, code: int | None = 0
) -> Completed:
    command = ("make", "--no-print-directory", "UV=.venv/bin/uv", *arguments)
    return run(*command, cwd=folder, env=env, code=code)


def started(done: Completed) -> list[dict[str, Any]]:
    lines = done.stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.mark.parametrize(("target", "variable"), USES)
def test_value_arrives_as_it_was_typed(faked: Path, target: str, variable: str) -> None:
    value = "--".join(VALUES)
    others = [f"{name}={text}" for name, text in USES[target, variable].items()]
    done = make(faked, target, f"{variable}={value}", *others)
    assert not (faked / "ran").exists(), "make or a shell has run a part of the value"
    assert {program["variables"][variable] for program in started(done)} == {value}


@pytest.mark.parametrize("value", VALUES)
def test_value_is_no_option(faked: Path, value: str) -> None:
    """Alembic and argparse would take --help for one."""
    for target, words in (
        ("db-migrate", ["upgrade", "--", value]),
        ("db-rollback", ["downgrade", "--", value]),
        ("db-sql", ["upgrade", "--sql", "--", value]),
    ):
        assert started(make(faked, target, f"rev={value}"))[0]["arguments"] == words
    revision = started(make(faked, "db-revision", f"m={value}"))[0]["arguments"]
    assert revision == ["revision", "--autogenerate", f"--message={value}"]
    backfill = make(faked, "db-backfill", f"table={value}", f"set={value}", f"where={value}")
    begun = only(started(backfill))
    assert begun["arguments"][2:] == [f"--set={value}", f"--where={value}", "--", value]


@pytest.mark.parametrize(("target", "variable"), USES)
def test_empty_value_is_refused(faked: Path, target: str, variable: str) -> None:
    """That is what `make db-rollback rev=$UNSET` comes down to."""
    others = [f"{name}={text}" for name, text in USES[target, variable].items()]
    done = make(faked, target, f"{variable}=", *others, code=2)
    line = only(lines_of(done.stderr))
    assert variable in line
    programs = [program["arguments"] for program in started(done)]
    assert not [words for words in programs if "-c" not in words], "a program was started"


def test_blank_value_is_empty(faked: Path) -> None:
    assert "rev is empty" in make(faked, "db-rollback", "rev= ", code=2).stderr


def test_variables_of_the_environment(faked: Path) -> None:
    """They count as they always have; only an empty base is what a CI job may have."""
    begun = only(started(make(faked, "db-rollback", env={"rev": "$(shell touch ran)"})))
    assert begun["arguments"] == ["downgrade", "--", "$(shell touch ran)"]
    assert "rev is empty" in make(faked, "db-rollback", env={"rev": ""}, code=2).stderr
    assert started(make(faked, "db-lint", env={"base": ""}))
    assert started(make(faked, "db-migrate", env={"m": ""}))[0]["arguments"][-1] == "head"


def test_targets_of_a_project_call_others(faked: Path) -> None:
    """A make within make has no empty values, and the others as they were typed."""
    more = "outer:\n\t@$(MAKE) --no-print-directory db-migrate\n"
    (faked / "more.mk").write_text(more, "utf-8")
    files = ("-f", "Makefile", "-f", "more.mk", "outer")
    assert started(make(faked, *files))[0]["arguments"][-1] == "head"
    assert started(make(faked, *files, "rev=a$5"))[0]["arguments"][-1] == "a$5"


def test_template_takes_values_as_typed(tmp_path: Path) -> None:
    """Its own Makefile, too."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("python", "uv"):
        write_program(
            tmp_path / ".venv/bin" / name, PROGRAM.replace('"m"', '"port", "PARTS", "ONLY"')
        )
    (tmp_path / "sync").touch()
    options = ("-o", ".venv/.synced", "PARTS=$(shell touch ran) $5 *", "port=$(shell touch ran)")
    bench = started(make(tmp_path, "bench", *options))[-1]["arguments"]
    assert bench == ["-m", "benchmarks", "$(shell", "touch", "ran)", "$5", "*"]
    planted = started(make(tmp_path, "mutants", *options, "ONLY=a $$ b"))[-1]["arguments"]
    assert planted == ["-m", "mutants", "a", "$$", "b"]
    serve = started(make(tmp_path, "docs-serve", *options))[-1]["arguments"]
    assert serve == ["-m", "website", "--serve", "--port=$(shell touch ran)"]
    assert not (tmp_path / "ran").exists()
    for target, variable in (("bench", "PARTS"), ("mutants", "ONLY"), ("docs-serve", "port")):
        done = make(tmp_path, "-o", ".venv/.synced", target, f"{variable}=", code=2)
        assert lines_of(done.stderr) == [f"{variable} is empty: give it a value or leave it out"]


# Stale environments


@pytest.fixture
def orders(source: Path, tmp_path: Path) -> Path:
    """A project whose fake environment names its folder."""
    folder = render(source, tmp_path / "My Projects/orders", {"database": "sqlite"})
    write_program(tmp_path / "uv", PROGRAM)
    (tmp_path / PYTHON).symlink_to(sys.executable)
    (folder / "sync").write_text(SYNC.format(python=tmp_path / PYTHON), "utf-8")
    assert migrate(folder) == []
    return folder


def migrate(folder: Path) -> list[str]:
    """Return what `make db-migrate` says beside Alembic, which has to be that of this folder."""
    uv = f"UV={folder.parent.parent / 'uv'}"
    done = run("make", "--no-print-directory", uv, "db-migrate", cwd=folder)
    assert done.stdout == "alembic upgrade -- head\n"
    program = (folder / ".venv/bin/alembic").read_text("utf-8")
    assert f"{folder.resolve()}/.venv/bin/python" in program
    return done.stderr.splitlines()


RECREATED = ["recreating .venv: it was made in another folder or for another Python"]


def test_folder_was_moved(orders: Path) -> None:
    moved = orders.rename(orders.with_name("moved"))
    assert migrate(moved) == RECREATED
    assert migrate(moved) == []


def test_folder_was_copied(orders: Path) -> None:
    copied = orders.with_name("copied")
    shutil.copytree(orders, copied, symlinks=True)
    assert migrate(copied) == RECREATED
    assert migrate(orders) == []


def test_folder_of_an_earlier_release_was_moved(orders: Path) -> None:
    """Its environment has no note of the folder."""
    (orders / ".venv/.path").unlink()
    assert migrate(orders) == []
    (orders / ".venv/.path").unlink()
    assert migrate(orders.rename(orders.with_name("moved"))) == RECREATED


def test_python_is_gone(orders: Path, tmp_path: Path) -> None:
    (tmp_path / PYTHON).rename(tmp_path / "elsewhere")
    (orders / "sync").write_text(SYNC.format(python=tmp_path / "elsewhere"), "utf-8")
    assert migrate(orders) == RECREATED
    assert migrate(orders) == []


def test_python_is_another_version(orders: Path) -> None:
    """As of a link `python3` that leads to a newer one since an upgrade of the system."""
    (orders / f".venv/lib/{PYTHON}").rename(orders / ".venv/lib/python3.1")
    assert migrate(orders) == RECREATED


def test_environment_is_shared(orders: Path) -> None:
    """A link to the environment of another folder is kept."""
    other = orders.with_name("other")
    shutil.copytree(orders, other, ignore=shutil.ignore_patterns(".venv"))
    (other / ".venv").symlink_to(orders / ".venv")
    uv = f"UV={orders.parent.parent / 'uv'}"
    done = run("make", "--no-print-directory", uv, "db-migrate", cwd=other)
    assert done.stderr == ""
    assert (other / ".venv").is_symlink()


def test_hook_of_git_moves_along(orders: Path) -> None:
    hook = orders / ".git/hooks/pre-commit"
    write_program(hook, f"INSTALL_PYTHON={orders}/.venv/bin/python\n")
    moved = orders.rename(orders.with_name("moved"))
    install = SYNC + "\nprintf 'touch installed' >> .venv/bin/pre-commit\n"
    python = orders.parent.parent / PYTHON
    (moved / "sync").write_text(install.format(python=python), "utf-8")
    migrate(moved)
    assert (moved / "installed").exists(), "the hook names the Python of the old folder"


@pytest.mark.parametrize("makefile", ["template", "service"])
def test_format_does_what_it_can(source: Path, tmp_path: Path, makefile: str) -> None:
    """A finding that cannot be fixed, or a file that cannot be read, is in the way of nothing."""
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
