"""copier.yml has the settings and the messages; options/ has a file for each question."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.template import COPIER, DATABASES, FACTS, QUESTIONS, ROOT, questions

FILES = sorted((ROOT / "options").iterdir())
TEXT = (ROOT / "copier.yml").read_text("utf-8")
INCLUDE = re.compile(r"(?m)^--- !include (.*)$")


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text("utf-8"))


def test_each_question_has_a_file() -> None:
    """Its name is that of the question; its number is for the order in which copier asks."""
    for path, question in zip(FILES, QUESTIONS, strict=True):
        assert re.fullmatch(rf"\d\d-{question}\.yml", path.name)
        assert list(questions(read(path))) == [question]


def test_copier_yml_names_each_file() -> None:
    """A pattern would give the order of the file system, which differs between machines."""
    assert INCLUDE.findall(TEXT) == [path.relative_to(ROOT).as_posix() for path in FILES]


def test_copier_yml_asks_nothing() -> None:
    for document in yaml.safe_load_all(INCLUDE.sub("---", TEXT)):
        assert not questions(document or {})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_of_a_question_has_no_settings_but_exclude(path: Path) -> None:
    """copier joins the lists of patterns of all files; any other setting would replace one."""
    for name in read(path):
        assert not name.startswith("_") or name == "_exclude"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_patterns_depend_on_the_question_of_their_file(path: Path) -> None:
    for pattern in read(path).get("_exclude", []):
        assert re.search(rf"\{{% if .*\b{path.stem[3:]}\b.* %\}}", pattern)
        assert pattern in COPIER["_exclude"]


def test_nothing_is_named_twice() -> None:
    names: set[str] = set()
    for path in FILES:
        assert names.isdisjoint(read(path))
        names |= read(path).keys() - {"_exclude"}


def test_every_database_has_the_same_facts() -> None:
    """In the same order, and of the same types."""
    assert list(FACTS) == DATABASES
    first = FACTS[DATABASES[0]]
    for facts in FACTS.values():
        assert list(facts) == list(first)
        assert list(map(type, facts.values())) == list(map(type, first.values()))


def test_every_fact_is_used() -> None:
    used = set(re.findall(r"database_facts\.(\w+)", str(COPIER)))
    for path in (ROOT / "template").rglob("*.jinja"):
        used.update(re.findall(r"database_facts\.(\w+)", path.read_text("utf-8")))
    assert used == FACTS[DATABASES[0]].keys()
