"""The tests of kit.auth, and some of kit: they run inside a project with auth=oidc."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.kit_modules import PATIENT
from harness.project import Project
from harness.template import ROOT, add_kit_tests

pytestmark = [pytest.mark.slow, pytest.mark.seconds(150)]

# Of the tests of kit, those whose result depends on who calls.
OF_ROUTES = ("errors", "health", "openapi", "users")


@pytest.fixture
def auth_tests(oidc_project: Project, tmp_path: Path) -> Project:
    """Return a copy of the project to which the tests of kit.auth have been added."""
    copy = oidc_project.copy(tmp_path / "orders", "sqlite:///orders.db")
    add_tests(copy)
    return copy


def add_tests(project: Project) -> None:
    ignored = shutil.ignore_patterns("ruff.toml")
    shutil.copytree(ROOT / "tests/auth/kit", project.folder / "tests/auth", ignore=ignored)


def test_kit_passes_its_tests_with_authentication(auth_tests: Project) -> None:
    """Those of kit.auth, and those of routes, whose client now has permissions."""
    folder = add_kit_tests(auth_tests.folder, "sqlite")
    names = [f"{folder}/test_{name}.py" for name in OF_ROUTES]
    auth_tests.run("pytest", "--quiet", *PATIENT, "tests/auth", *names, timeout=1200)


def test_owned_rows_pass_their_tests_on_postgresql(
    projects: Callable[..., Project], tmp_path: Path
) -> None:
    url = "postgresql://nobody@127.0.0.1:1/orders"
    project = projects("postgresql", auth="oidc").copy(tmp_path / "orders", url)
    add_tests(project)
    names = ("owners", "owned_statements", "owned_versions")
    modules = [f"tests/auth/test_{name}.py" for name in names]
    project.run("pytest", "--quiet", *PATIENT, *modules, timeout=600)


def test_kit_auth_tests_are_linted_and_typed(auth_tests: Project) -> None:
    auth_tests.run("ruff", "check", "tests/auth")
    auth_tests.run("ruff", "format", "--check", "tests/auth")
    auth_tests.run("mypy", "tests/auth", timeout=300)
