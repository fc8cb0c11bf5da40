"""The template as its users get it: its files, its questions, and how it is rendered."""

import ast
import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import copier

# The function that copier reads copier.yml with. It is not public; no public one does the same.
from copier._template import load_template_config

ROOT = Path(__file__).resolve().parent.parent
# The folder that `git clone` creates for the template.
CLONE = "fastapi-service-template"
# The command that users run.
COPY = (sys.executable, "-m", "copier", "copy")
# Tests of kit/, which are run in a generated project: add_kit_tests() puts them there.
KIT_TESTS = ROOT / "tests/kit"

# Renders the template into a folder of this name, with answers as keywords; returns the folder.
Render = Callable[..., Path]
Answers = dict[str, Any]


@dataclass(frozen=True)
class Copy:
    """A copy of the template, and the answers that it was rendered with."""

    folder: Path
    answers: Answers


def configuration(folder: Path) -> dict[str, Any]:
    """Return copier.yml of a template with the files that it includes."""
    return load_template_config(folder / "copier.yml")


def questions(configured: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what copier asks: neither its settings nor values that are computed."""
    asked = {}
    for name, question in configured.items():
        if not name.startswith("_") and question.get("when") is not False:
            asked[name] = question
    return asked


COPIER = configuration(ROOT)
QUESTIONS = questions(COPIER)
# What follows from each answer to `database`.
FACTS: dict[str, dict[str, Any]] = COPIER["databases"]["default"]


def validators(question: str) -> dict[str, str]:
    """Return each value that can be chosen, with the template of the reason against it."""
    choices = QUESTIONS[question].get("choices", [])
    if isinstance(choices, dict):
        choices = choices.values()
    reasons = {}
    for choice in choices:
        if isinstance(choice, dict):
            reasons[choice["value"]] = choice.get("validator", "")
        else:
            reasons[choice] = ""
    return reasons


def choices(question: str) -> list[Any]:
    """Return the possible answers, which are lists for a multiselect; none for free text."""
    if QUESTIONS[question]["type"] == "bool":
        return [True, False]
    values = list(validators(question))
    if not QUESTIONS[question].get("multiselect"):
        return values
    selections: list[Any] = []
    for size in range(len(values) + 1):
        selections += map(list, itertools.combinations(values, size))
    return selections


# The questions with choices, not answered in free text.
CLOSED = [name for name in QUESTIONS if choices(name)]
DATABASES = choices("database")
# All parts of telemetry.
TELEMETRY_PARTS: list[str] = max(choices("telemetry"), key=len)


def copy_of_working_tree(folder: Path) -> Path:
    """Copy the files that git would commit, but not .git.

    From a repository with changes copier would render a commit of its own, which no other clone has.
    """
    listed = subprocess.run(
        # A CI server may have checked out as another user.
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def render(source: Path, folder: Path, answers: Answers, **options: Any) -> Path:
    """Copy the template as `copier copy` does, without trust and without settings of this machine."""
    copier.run_copy(
        str(source),
        folder,
        data={"service_name": "orders", **answers},
        defaults=True,
        unsafe=False,
        quiet=True,
        settings=copier.Settings(),
        **options,
    )
    return folder


def add_kit_tests(service: Path, database: str) -> Path:
    """Copy tests/kit/ into a rendered service, where it is run; return the folder.

    Files named after another database are left out; that of this one is `databases.py` there.
    """
    folder = service / "tests/kit"
    folder.mkdir()
    others = tuple({*DATABASES} - {database})
    for path in sorted(KIT_TESTS.glob("*.py")):
        if not path.name.startswith(others):
            name = "databases.py" if path.stem == database else path.name
            shutil.copy2(path, folder / name)
    return folder


def defaults(service: Path) -> dict[str, Any]:
    """Return the settings of a rendered service, with those of its telemetry, that have a default."""
    values: dict[str, Any] = {}
    parts = sorted(service.glob("kit/_internal/telemetry/*/settings.py"))
    for path in (*parts, service / "kit/settings.py", service / "app/settings.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                default = default_of(node.value)
                if isinstance(default, ast.Constant):
                    values[node.target.id] = default.value
    return values


def default_of(value: ast.expr | None) -> ast.expr | None:
    """Return the default of a setting: its value, or an argument of `Field(...)`."""
    if not isinstance(value, ast.Call):
        return value
    for argument in value.keywords:
        if argument.arg == "default":
            return argument.value
    return None


def makefile(service: Path) -> str:
    """Return the Makefile of a service and kit's, whose targets lose their prefix `kit-`."""
    own, kit = ((service / name).read_text("utf-8") for name in ("Makefile", "kit/make.mk"))
    for name in ("kit/accounts.mk", "kit/resource.mk"):
        part = service / name
        if part.exists():
            kit += part.read_text("utf-8")
    return own + re.sub(r"(?m)^kit-(?=[a-z-]+:)", "", kit)


def files(folder: Path) -> list[Path]:
    """Return the paths of all files in a folder and its subfolders, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def texts(folder: Path) -> dict[str, str]:
    """Return the text of each file by name."""
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in files(folder)}


def packages(database: str) -> set[str]:
    """Return the names of the packages that only this database needs."""
    names = set()
    for kind in ("drivers", "servers", "linters"):
        for requirement in FACTS[database][kind]:
            names.add(re.split(r"[^A-Za-z0-9_.-]", requirement)[0])
    return names
