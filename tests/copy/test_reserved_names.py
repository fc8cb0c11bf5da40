"""Names of services and packages are accepted unless something else already has them."""

import keyword
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.names import (
    DISTRIBUTIONS,
    FOLDERS,
    KEYWORDS,
    NAME,
    PACKAGE,
    RESERVED_NAMES,
    RESERVED_PACKAGES,
    STANDARD_LIBRARY,
    SYSTEM_DATABASES,
    fitting,
    is_accepted,
    questions_only,
)
from harness.project import Project
from harness.template import Render, packages

# Beside those that are written below: each is a run of copier.
EXAMPLES = settings(max_examples=30)


@pytest.fixture(scope="module")
def questions(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return questions_only(source, tmp_path_factory.mktemp("questions"))


@EXAMPLES
@given(
    st.from_regex(NAME, fullmatch=True) | st.text(max_size=45) | st.from_regex(r"[a-z0-9-]{1,42}")
)
@example("ab")
@example("a" * 40)
@example("class")
@example("null")
@example("a--b")
@example("٣orders")
def test_name_is_accepted_when_it_fits(questions: Path, name: str) -> None:
    fits = NAME.fullmatch(name) is not None and name not in RESERVED_NAMES
    assert is_accepted(questions, service_name=name) is fits


@EXAMPLES
@given(st.from_regex(PACKAGE, fullmatch=True) | st.text(max_size=32))
@example("a" * 30)
@example("match")
@example("null")
@example("a__b_")
@example("٣app")
@example("übung")
def test_package_is_accepted_when_it_can_be_imported(questions: Path, name: str) -> None:
    fits = PACKAGE.fullmatch(name) is not None and name not in RESERVED_PACKAGES
    assert is_accepted(questions, package_name=name) is fits


@EXAMPLES
@given(st.text(max_size=30))
@example("a\x00b")
@example("a\x85b")
@example("\ufeffa")
@example("\ud800")
@example("{{ 7*7 }}")
def test_description_is_accepted_when_it_is_one_line(questions: Path, text: str) -> None:
    visible = not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]", text)
    assert is_accepted(questions, description=text) is (visible and text == text.strip() != "")


def test_standard_library_is_reserved() -> None:
    assert fitting(NAME, [*sys.stdlib_module_names, "test"]) <= STANDARD_LIBRARY


def locked_names(project: Project) -> set[str]:
    """Return the names of what a project installs that a service could have."""
    locked = (project.folder / "uv.lock").read_text("utf-8")
    return fitting(NAME, re.findall(r'(?m)^name = "(.+)"$', locked)) - {"orders"}


def installed_modules(project: Project) -> list[str]:
    listing = "from importlib import metadata; print(*metadata.packages_distributions())"
    return project.run(".venv/bin/python", "-c", listing).stdout.split()


def test_dependencies_are_reserved(project: Project) -> None:
    names = locked_names(project)
    assert packages(project.database) & names
    assert names - STANDARD_LIBRARY <= DISTRIBUTIONS


@pytest.mark.slow
def test_dependencies_of_accounts_are_reserved(projects: Callable[..., Project]) -> None:
    project = projects("sqlite", auth="accounts")
    names = locked_names(project)
    assert {"pyotp", "webauthn"} <= names
    assert names - STANDARD_LIBRARY <= DISTRIBUTIONS
    assert fitting(PACKAGE, installed_modules(project)) <= RESERVED_PACKAGES


def test_keywords_are_reserved() -> None:
    keywords = fitting(PACKAGE, [*keyword.kwlist, *keyword.softkwlist])
    assert keywords <= KEYWORDS | STANDARD_LIBRARY


def test_installed_modules_are_reserved(project: Project) -> None:
    """A package of the service would hide an installed module of the same name."""
    names = installed_modules(project)
    assert "sqlalchemy" in names
    assert fitting(PACKAGE, names) <= RESERVED_PACKAGES


def test_folders_are_reserved(rendered: Render) -> None:
    folders = [path.name for path in rendered("folders").iterdir() if path.is_dir()]
    assert fitting(PACKAGE, folders) - {"app"} <= FOLDERS


def test_no_reserved_name_is_refused_by_its_form() -> None:
    names = DISTRIBUTIONS | SYSTEM_DATABASES
    assert fitting(NAME, names) == names
    assert "orders" not in RESERVED_NAMES
