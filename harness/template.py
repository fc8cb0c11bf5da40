"""The template as its users get it: questions, combinations of answers, and rendering."""

import ast
import itertools
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import copier
import jinja2

# What copier itself reads copier.yml with. It is not public, and nothing public does the same.
from copier._template import load_template_config

ROOT = Path(__file__).resolve().parent.parent
# What tests kit/ inside a generated project, which itself does not carry it.
KIT_TESTS = ROOT / "tests/kit"

# Renders the template with some answers into a folder of this name, which it returns.
Render = Callable[..., Path]
Answers = dict[str, Any]


def configuration(folder: Path) -> dict[str, Any]:
    """Return copier.yml of a template with the files that it includes."""
    return load_template_config(folder / "copier.yml")


def questions(configured: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is asked: neither settings nor what is computed."""
    return {
        name: question
        for name, question in configured.items()
        if not name.startswith("_") and question.get("when") is not False
    }


COPIER = configuration(ROOT)
QUESTIONS = questions(COPIER)
# What follows from each answer to `database`.
FACTS: dict[str, dict[str, Any]] = COPIER["databases"]["default"]
# More combinations than this are covered in pairs instead of one by one.
MANY = 40


def options(question: str) -> dict[str, str]:
    """Return what can be chosen, each with the template of the reason why it cannot be."""
    given = QUESTIONS[question].get("choices", [])
    chosen = given.values() if isinstance(given, dict) else given
    described = [one if isinstance(one, dict) else {"value": one} for one in chosen]
    return {one["value"]: one.get("validator", "") for one in described}


def choices(question: str) -> list[Any]:
    """Return the values that can be answered, lists where many may be; none if it is open."""
    if QUESTIONS[question]["type"] == "bool":
        return [True, False]
    single = list(options(question))
    if not QUESTIONS[question].get("multiselect"):
        return single
    sizes = range(len(single) + 1)
    return [list(some) for size in sizes for some in itertools.combinations(single, size)]


CLOSED = [name for name in QUESTIONS if choices(name)]
DATABASES = choices("database")


def combinations() -> list[Answers]:
    """Return every combination of the closed answers, or a cover of all pairs of them."""
    every = [
        answers
        for values in itertools.product(*map(choices, CLOSED))
        if possible(answers := dict(zip(CLOSED, values, strict=True)))
    ]
    return every if len(every) <= MANY else list(covering(every))


def possible(answers: Answers) -> bool:
    """Return whether copier.yml has nothing against any of the choices, given the others."""
    return not any(
        jinja2.Template(reason, undefined=jinja2.ChainableUndefined).render(answers).strip()
        for question in CLOSED
        for value, reason in options(question).items()
        if value in as_list(answers[question])
    )


def as_list(answer: Any) -> list[Any]:
    return answer if isinstance(answer, list) else [answer]


def covering(every: Sequence[Answers]) -> Iterator[Answers]:
    """Yield combinations until each pair of answers has been in one, the most telling first."""

    def pairs(answers: Answers) -> set[tuple[tuple[str, str], ...]]:
        named = [(name, str(value)) for name, value in answers.items()]
        return set(itertools.combinations(sorted(named), 2))

    missing = set().union(*map(pairs, every))
    while missing:
        best = max(every, key=lambda answers: len(missing & pairs(answers)))
        missing -= pairs(best)
        yield best


def describe(answers: Answers) -> str:
    given = [answers[name] for name in CLOSED if name in answers]
    return "-".join("+".join(map(str, as_list(one))) or "nothing" for one in given)


def copy_of_working_tree(folder: Path) -> Path:
    """Copy what git would commit, without git: a copy of a dirty HEAD names a lost commit."""
    listed = subprocess.run(
        # CI may check out as somebody else.
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
    """Copy the template as `copier copy` does: never trusted, no settings of this machine."""
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
    others = tuple(name for name in DATABASES if name != database)
    for path in sorted(KIT_TESTS.glob("*.py")):
        if not path.name.startswith(others):
            name = "databases.py" if path.stem == database else path.name
            shutil.copy2(path, folder / name)
    return folder


def defaults(service: Path) -> dict[str, Any]:
    """Return the settings of a rendered service that have a default, with its value."""
    found: dict[str, Any] = {}
    texts = [(service / f"{where}/settings.py").read_text("utf-8") for where in ("kit", "app")]
    for node in (node for text in texts for node in ast.walk(ast.parse(text))):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            value = node.value
            if isinstance(value, ast.Call):
                named = {one.arg: one.value for one in value.keywords}
                value = named.get("default")
            if isinstance(value, ast.Constant):
                found[node.target.id] = value.value
    return found


def makefile(service: Path) -> str:
    """Return what make reads: the Makefile of a service, then kit's with the targets as typed."""
    own, kit = ((service / name).read_text("utf-8") for name in ("Makefile", "kit/make.mk"))
    return own + re.sub(r"(?m)^kit-(?=[a-z-]+:)", "", kit)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def packages(database: str) -> set[str]:
    """Return the names of the packages that only this database brings."""
    kinds = ("drivers", "servers", "linters")
    requirements = [one for kind in kinds for one in FACTS[database][kind]]
    return {re.split(r"[^A-Za-z0-9_.-]", requirement)[0] for requirement in requirements}
