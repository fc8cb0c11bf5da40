"""What the targets of a generated Makefile do with values: they arrive as they were typed."""

import shutil
from pathlib import Path

import pytest

from harness.fake_programs import recorder, starts, write_program
from harness.processes import Completed, Environment, lines_of, only, run
from harness.template import ROOT, render

ANSWERS = {"database": "sqlite", "auth": "accounts"}
# The variables of each target, with the others that it requires.
USES = {
    ("db-migrate", "rev"): {},
    ("db-rollback", "rev"): {},
    ("db-sql", "rev"): {},
    ("db-revision", "m"): {},
    ("db-lint", "base"): {},
    ("db-compat", "base"): {},
    ("db-compat", "limit"): {},
    ("db-compat", "load"): {},
    ("db-rebase", "base"): {},
    ("db-backfill", "table"): {"set": "a = b", "where": "c"},
    ("db-backfill", "set"): {"table": "users", "where": "c"},
    ("db-backfill", "where"): {"table": "users", "set": "a = b"},
    ("db-reset", "confirm"): {},
    ("db-seed", "confirm"): {},
    ("client", "to"): {},
    ("openapi-check", "base"): {},
    ("update", "to"): {},
    ("update", "data"): {},
    ("update", "trust"): {},
    ("update-check", "to"): {},
}
VARIABLES = {
    *("base", "confirm", "data", "fields", "limit", "load", "m", "name", "rev", "set", "table"),
    *("to", "trust", "where"),
}
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


@pytest.fixture(scope="module")
def faked(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose programs print what they were started with."""
    folder = render(source, tmp_path_factory.mktemp("faked") / "orders", ANSWERS)
    for name in ("alembic", "python", "uv"):
        write_program(folder / ".venv/bin" / name, recorder(VARIABLES))
    (folder / ".venv/.path").symlink_to(folder / ".venv")
    (folder / ".env").touch()
    (folder / ".venv/.synced").touch()
    return folder


def make(
    folder: Path, *arguments: str, env: Environment | None = None, code: int | None = 0
) -> Completed:
    command = ("make", "--no-print-directory", "UV=.venv/bin/uv", *arguments)
    return run(*command, cwd=folder, env=env, code=code)


def assignments(values: Environment) -> list[str]:
    """Return variables as make takes them on its command line."""
    return [f"{name}={text}" for name, text in values.items()]


@pytest.mark.parametrize(("target", "variable"), USES)
def test_value_arrives_as_it_was_typed(faked: Path, target: str, variable: str) -> None:
    value = "--".join(VALUES)
    others = assignments(USES[target, variable])
    done = make(faked, target, f"{variable}={value}", *others)
    assert not (faked / "ran").exists(), "make or a shell has run a part of the value"
    programs = starts(done)
    assert programs
    for program in programs:
        assert program["variables"][variable] == value


def test_a_loop_of_make_has_no_variable_called_name(faked: Path) -> None:
    """It is an argument, of resources and of accounts."""
    value = "--".join(VALUES)
    resource = only(starts(make(faked, "resource", f"name={value}", f"fields={value}")))
    assert resource["variables"]["name"] == value
    assert resource["variables"]["fields"] == value
    user = only(starts(make(faked, "user-create", f"email={value}", f"name={value}")))
    assert user["arguments"][3:5] == [f"--email={value}", f"--name={value}"]


def test_environment_names_no_resource(faked: Path) -> None:
    environment = {"name": "product", "fields": "title:string"}
    begun = only(starts(make(faked, "resource", "fields=price:int", env=environment)))
    assert begun["variables"]["name"] is None
    assert begun["variables"]["fields"] == "price:int"


@pytest.mark.parametrize("value", VALUES)
def test_value_is_no_option(faked: Path, value: str) -> None:
    """Alembic and argparse would take --help for one."""
    for target, words in (
        ("db-migrate", ["upgrade", "--", value]),
        ("db-rollback", ["downgrade", "--", value]),
        ("db-sql", ["upgrade", "--sql", "--", value]),
    ):
        assert starts(make(faked, target, f"rev={value}"))[0]["arguments"] == words
    revision = starts(make(faked, "db-revision", f"m={value}"))[0]["arguments"]
    assert revision == ["revision", "--autogenerate", f"--message={value}"]
    backfill = make(faked, "db-backfill", f"table={value}", f"set={value}", f"where={value}")
    begun = only(starts(backfill))
    assert begun["arguments"][2:] == [f"--set={value}", f"--where={value}", "--key=id", "--", value]


@pytest.mark.parametrize(("target", "variable"), USES)
def test_empty_value_is_refused(faked: Path, target: str, variable: str) -> None:
    """That is what `make db-rollback rev=$UNSET` comes down to."""
    others = assignments(USES[target, variable])
    done = make(faked, target, f"{variable}=", *others, code=2)
    line = only(lines_of(done.stderr))
    assert variable in line
    for program in starts(done):
        assert "-c" in program["arguments"], "a program was started"


def test_blank_value_is_empty(faked: Path) -> None:
    assert "rev is empty" in make(faked, "db-rollback", "rev= ", code=2).stderr


def test_variables_of_the_environment(faked: Path) -> None:
    """They count as they always have; only an empty base is what a CI job may have."""
    begun = only(starts(make(faked, "db-rollback", env={"rev": "$(shell touch ran)"})))
    assert begun["arguments"] == ["downgrade", "--", "$(shell touch ran)"]
    assert "rev is empty" in make(faked, "db-rollback", env={"rev": ""}, code=2).stderr
    assert starts(make(faked, "db-lint", env={"base": ""}))
    assert starts(make(faked, "db-migrate", env={"m": ""}))[0]["arguments"][-1] == "head"


def test_targets_of_a_project_call_others(faked: Path) -> None:
    """A make within make has no empty values, and the others as they were typed."""
    more = "outer:\n\t@$(MAKE) --no-print-directory db-migrate\n"
    (faked / "more.mk").write_text(more, "utf-8")
    files = ("-f", "Makefile", "-f", "more.mk", "outer")
    assert starts(make(faked, *files))[0]["arguments"][-1] == "head"
    assert starts(make(faked, *files, "rev=a$5"))[0]["arguments"][-1] == "a$5"


def test_template_takes_values_as_typed(tmp_path: Path) -> None:
    """Its own Makefile, too."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("python", "uv"):
        write_program(tmp_path / ".venv/bin" / name, recorder())
    (tmp_path / "sync").touch()
    options = ("-o", ".venv/.synced", "PARTS=$(shell touch ran) $5 *", "port=$(shell touch ran)")
    bench = starts(make(tmp_path, "bench", *options))[-1]["arguments"]
    assert bench == ["-m", "benchmarks", "$(shell", "touch", "ran)", "$5", "*"]
    planted = starts(make(tmp_path, "mutants", *options, "ONLY=a $$ b"))[-1]["arguments"]
    assert planted == ["-m", "mutants", "a", "$$", "b"]
    serve = starts(make(tmp_path, "docs-serve", *options))[-1]["arguments"]
    assert serve == ["-m", "website", "--serve", "--port=$(shell touch ran)"]
    assert not (tmp_path / "ran").exists()
    for target, variable in (("bench", "PARTS"), ("mutants", "ONLY"), ("docs-serve", "port")):
        done = make(tmp_path, "-o", ".venv/.synced", target, f"{variable}=", code=2)
        assert lines_of(done.stderr) == [f"{variable} is empty: give it a value or leave it out"]
