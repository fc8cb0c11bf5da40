"""What keeps a fault out of a service: each part of `make check`, and the hooks of a commit."""

import re

import pytest

from harness.project import Project
from harness.working_copy import add_file, commit, git, init_repository, revise

pytestmark = pytest.mark.parametrize("project", ["sqlite"], indirect=True)

CONFLICT = "<<<<<<< before updating\nmine\n=======\ntheirs\n>>>>>>> after updating\n"
UNFORMATTED = "values = [1,2]\n"
FAULTS = {
    "conflicts": ("notes.txt", CONFLICT),
    "lint": ("app/unused.py", "import os\n"),
    "typecheck": ("app/mistyped.py", 'number: int = "1"\n'),
    "test": ("tests/test_broken.py", "def test_broken() -> None:\n    assert not __name__\n"),
}


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
    failed = set(re.findall(r"make: \*\*\* \[kit/make\.mk:\d+: kit-([\w-]+)\]", done.stderr))
    assert failed == {*FAULTS, "db-lint", "db-check"}, done.stdout + done.stderr


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
