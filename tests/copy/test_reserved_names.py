"""Names of services and packages are accepted unless something else already has them."""

import keyword
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import copier
import jinja2
from hypothesis import example, given
from hypothesis import strategies as st

from harness.project import Project
from harness.template import ROOT, Render, packages

# Independent of the expressions in options/.
NAME = re.compile(r"(?!.*-\Z)[a-z][a-z0-9-]{1,39}", re.ASCII)
PACKAGE = re.compile(r"[a-z][a-z0-9_]{0,29}", re.ASCII)
ENVIRONMENT = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT), autoescape=False)
VARIABLES = vars(ENVIRONMENT.get_template("includes/reserved-names.jinja").module)
STANDARD_LIBRARY = set(VARIABLES["standard_library"].split())
DISTRIBUTIONS = set(VARIABLES["distributions"].split())
MODULES = set(VARIABLES["modules"].split())
FOLDERS = set(VARIABLES["folders"].split())
KEYWORDS = set(VARIABLES["keywords"].split())
SYSTEM_DATABASES = set(VARIABLES["databases"].split())
RESERVED_PACKAGES = STANDARD_LIBRARY | MODULES | FOLDERS | KEYWORDS
RESERVED_PACKAGES |= set(VARIABLES["distributions"].replace("-", "_").split())
RESERVED_NAMES = STANDARD_LIBRARY | DISTRIBUTIONS | SYSTEM_DATABASES


def fitting(pattern: re.Pattern[str], names: Iterable[str]) -> set[str]:
    """Return the names that match a pattern; questions refuse the others without a list."""
    return {name for name in names if pattern.fullmatch(name)}


def is_accepted(source: Path, **answers: str) -> bool:
    """Return whether copier accepts the answers. Writes nothing, which is fast."""
    try:
        copier.run_copy(
            str(source),
            "unwritten",
            data={"service_name": "orders", **answers},
            exclude=["*"],
            defaults=True,
            pretend=True,
            quiet=True,
            settings=copier.Settings(),
        )
    except ValueError:
        return False
    return True


@given(
    st.from_regex(NAME, fullmatch=True) | st.text(max_size=45) | st.from_regex(r"[a-z0-9-]{1,42}")
)
@example("ab")
@example("a" * 40)
@example("class")
@example("null")
@example("a--b")
@example("٣orders")
def test_name_is_accepted_when_it_fits(source: Path, name: str) -> None:
    fits = NAME.fullmatch(name) is not None and name not in RESERVED_NAMES
    assert is_accepted(source, service_name=name) is fits


@given(st.from_regex(PACKAGE, fullmatch=True) | st.text(max_size=32))
@example("a" * 30)
@example("match")
@example("null")
@example("a__b_")
@example("٣app")
@example("übung")
def test_package_is_accepted_when_it_can_be_imported(source: Path, name: str) -> None:
    fits = PACKAGE.fullmatch(name) is not None and name not in RESERVED_PACKAGES
    assert is_accepted(source, package_name=name) is fits


@given(st.text(max_size=30))
@example("a\x00b")
@example("a\x85b")
@example("\ufeffa")
@example("\ud800")
@example("{{ 7*7 }}")
def test_description_is_accepted_when_it_is_one_line(source: Path, text: str) -> None:
    visible = not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]", text)
    assert is_accepted(source, description=text) is (visible and text == text.strip() != "")


def test_standard_library_is_reserved() -> None:
    assert fitting(NAME, [*sys.stdlib_module_names, "test"]) <= STANDARD_LIBRARY


def test_dependencies_are_reserved(project: Project) -> None:
    locked = (project.folder / "uv.lock").read_text("utf-8")
    names = fitting(NAME, re.findall(r'(?m)^name = "(.+)"$', locked)) - {"orders"}
    assert packages(project.database) & names
    assert names - STANDARD_LIBRARY <= DISTRIBUTIONS


def test_keywords_are_reserved() -> None:
    keywords = fitting(PACKAGE, [*keyword.kwlist, *keyword.softkwlist])
    assert keywords <= KEYWORDS | STANDARD_LIBRARY


def test_installed_modules_are_reserved(project: Project) -> None:
    """A package of the service would hide an installed module of the same name."""
    listing = "from importlib import metadata; print(*metadata.packages_distributions())"
    names = project.run(".venv/bin/python", "-c", listing).stdout.split()
    assert "sqlalchemy" in names
    assert fitting(PACKAGE, names) <= RESERVED_PACKAGES


def test_folders_are_reserved(rendered: Render) -> None:
    folders = [path.name for path in rendered("folders").iterdir() if path.is_dir()]
    assert fitting(PACKAGE, folders) - {"app"} <= FOLDERS


def test_no_reserved_name_is_refused_by_its_form() -> None:
    names = DISTRIBUTIONS | SYSTEM_DATABASES
    assert fitting(NAME, names) == names
    assert "orders" not in RESERVED_NAMES
