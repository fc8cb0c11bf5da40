"""Names of services and packages: their form, those that are reserved, and what copier accepts."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import copier
import jinja2

from harness.template import ROOT

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


def questions_only(source: Path, folder: Path) -> Path:
    """Copy the questions of a template without its files, which copier would go through; return the folder."""
    shutil.copy2(source / "copier.yml", folder)
    for name in ("options", "includes"):
        shutil.copytree(source / name, folder / name)
    (folder / "template").mkdir()
    return folder


def is_accepted(source: Path, **answers: Any) -> bool:
    """Return whether copier accepts the answers to a template, or to its `questions_only()`."""
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
