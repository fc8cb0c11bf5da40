"""What keeps a fault out of a service: each part of `make check`, and the hooks of a commit."""

import re

import pytest

from harness.project import Project
from harness.working_copy import add_file, commit, git, init_repository, revise

pytestmark = pytest.mark.parametrize("project", ["sqlite"], indirect=True)

CONFLICT = "<<<<<<< before updating\nmine\n=======\ntheirs\n>>>>>>> after updating\n"
UNFORMATTED = "values = [1,2]\n"
FAULTS = {
    "lint": ("app/unused.py", "import os\n"),
    "typecheck": ("app/mistyped.py", 'number: int = "1"\n'),
    "test": ("tests/test_broken.py", "def test_broken() -> None:\n    assert not __name__\n"),
}


def failed_checks(stderr: str) -> set[str]:
    """Return the targets that failed, which `make check` runs in a make of its own."""
    return set(re.findall(r"make(?:\[1\])?: \*\*\* \[kit/make\.mk:\d+: kit-([\w-]+)\]", stderr))


def test_check_fails_at_every_gate(copy: Project) -> None:
    """Without `--keep-going` it would end at the first."""
    copy.make("db-migrate")
    init_repository(copy)
    for path, text in FAULTS.values():
        add_file(copy, path, text)
    # It is not safe, and not applied.
    revise(copy, "aaaaaaaaaaaa", 'op.drop_column("users", "name")')
    only = {"PYTEST_ADDOPTS": FAULTS["test"][0]}
    done = copy.make("--keep-going", "check", env=only, code=2)
    failed = {*FAULTS, "db-lint", "db-check", "check"}
    assert failed_checks(done.stderr) == failed, done.stdout + done.stderr


def test_check_begins_with_conflicts(copy: Project) -> None:
    """A conflict makes other checks fail, too, with messages that do not help."""
    init_repository(copy)
    add_file(copy, "pyproject.toml", CONFLICT)
    done = copy.make("check", code=2)
    assert failed_checks(done.stderr) == {"conflicts"}
    assert "pyproject.toml" in done.stderr


@pytest.mark.parametrize(("tests", "processes"), [(99, 1), (100, 2)])
def test_few_tests_run_in_one_process(copy: Project, tests: int, processes: int) -> None:
    """Each further process has to import the service first."""
    names = "".join(f"def test_{number}() -> None:\n    pass\n" for number in range(tests))
    add_file(copy, "tests/test_many.py", names)
    # The variable sets the number for all projects of these tests.
    command = ("env", "--unset", "PYTEST_XDIST_AUTO_NUM_WORKERS", "pytest", "tests/test_many.py")
    output = copy.run(*command, "--numprocesses", "auto", "--maxprocesses", "2").stdout
    assert f"{tests} passed" in output
    assert ("worker" in output) == (processes > 1)


@pytest.mark.parametrize("package", ["app/db/__init__.py", "app/db/queries.py"])
def test_module_and_package_of_the_same_name(copy: Project, package: str) -> None:
    """Python would import one of them, and never say that there is another."""
    add_file(copy, package, '"""Ours."""\n')
    line = "app/db.py and app/db/ have the same name, and Python imports only one of them"
    for target in ("lint", "setup"):
        assert line in copy.make(target, code=2).stderr


def test_lint_looks_at_the_format(copy: Project) -> None:
    add_file(copy, "app/unformatted.py", UNFORMATTED)
    assert "app/unformatted.py" in copy.make("lint", code=2).stdout


def test_hooks_of_a_commit(copy: Project) -> None:
    """They lint, format and type-check the committed files."""
    init_repository(copy)
    add_file(copy, "app/faulty.py", 'import os\n\nnumber: int = "1"\n' + UNFORMATTED)
    git(copy, "add", "app/faulty.py")
    done = copy.run("pre-commit", "run", code=1)
    failed = re.findall(r"(?m)^(\w+)\.+Failed$", done.stdout)
    assert failed == ["lint", "format", "types"], done.stdout
    text = (copy.folder / "app/faulty.py").read_text("utf-8")
    assert "import os" not in text
    assert "[1, 2]" in text
    add_file(copy, "app/faulty.py", "number: int = 1\n")
    commit(copy)
    copy.make("hooks")
    assert (copy.folder / ".git/hooks/pre-commit").exists()
