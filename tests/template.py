"""The template as its users get it: questions, combinations of answers, and rendering."""

import itertools
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import copier
import jinja2
import yaml

ROOT = Path(__file__).resolve().parent.parent
COPIER: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))

Answers = dict[str, str]

QUESTIONS: dict[str, dict[str, Any]] = {
    name: question
    for name, question in COPIER.items()
    if not name.startswith("_") and question.get("when") is not False
}
# More combinations than this are covered in pairs instead of one by one.
MANY = 40


def choices(question: str) -> list[str]:
    """Return the values that can be answered; none for an open question."""
    if QUESTIONS[question]["type"] == "bool":
        return [True, False]  # type: ignore[list-item]
    given = QUESTIONS[question].get("choices", [])
    return list(given.values()) if isinstance(given, dict) else list(given)


CLOSED = [name for name in QUESTIONS if choices(name)]
DATABASES = choices("database")


def combinations() -> list[Answers]:
    """Return every combination of the closed answers, or a cover of all pairs of them."""
    every = [
        dict(zip(CLOSED, values, strict=True))
        for values in itertools.product(*map(choices, CLOSED))
    ]
    return every if len(every) <= MANY else list(covering(every))


def covering(every: Sequence[Answers]) -> Iterator[Answers]:
    """Yield combinations until each pair of answers has been in one, the most telling first."""

    def pairs(answers: Answers) -> set[tuple[tuple[str, str], ...]]:
        return set(itertools.combinations(sorted(answers.items()), 2))

    missing = set().union(*map(pairs, every))
    while missing:
        best = max(every, key=lambda answers: len(missing & pairs(answers)))
        missing -= pairs(best)
        yield best


def describe(answers: Answers) -> str:
    return "-".join(str(answers[name]) for name in CLOSED if name in answers)


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


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def computed(name: str) -> dict[str, Any]:
    """Return what copier.yml computes for each database under this name: its drivers, say."""
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.ChainableUndefined)
    environment.filters["to_json"] = yaml.safe_dump
    template = environment.from_string(COPIER[name]["default"])
    return {one: yaml.safe_load(template.render(database=one)) for one in DATABASES}


def packages(database: str) -> set[str]:
    """Return the names of the packages that only this database brings."""
    requirements = [*computed("drivers")[database], *computed("servers")[database]]
    return {re.split(r"[^A-Za-z0-9_.-]", requirement)[0] for requirement in requirements}
