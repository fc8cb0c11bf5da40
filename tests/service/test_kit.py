"""The tests of kit, which are in tests/kit/: they run inside a generated project of each database."""

from pathlib import Path

import pytest

from harness.kit_modules import PATIENT
from harness.project import Project
from harness.template import add_kit_tests

pytestmark = pytest.mark.seconds(40)

# What mypy checks: the tests are the same, but for the module of the database.
TYPED = {"postgresql": "tests", "sqlite": "tests/kit/databases.py"}


@pytest.fixture
def kit_tests(project: Project, tmp_path: Path) -> Project:
    """Return a copy of the project to which the tests of kit have been added."""
    copy = project.copy(tmp_path / "orders", "")
    add_kit_tests(copy.folder, project.database)
    return copy


@pytest.mark.seconds(80)
def test_kit_passes_its_tests(kit_tests: Project) -> None:
    kit_tests.run("pytest", "--quiet", *PATIENT, "tests/kit", timeout=1200)


def test_kit_tests_are_linted_and_typed(kit_tests: Project) -> None:
    """By the rules of a project: those of this repository are fewer."""
    kit_tests.run("ruff", "check", "tests")
    kit_tests.run("ruff", "format", "--check", "tests")
    kit_tests.run("mypy", TYPED[kit_tests.database], timeout=300)
