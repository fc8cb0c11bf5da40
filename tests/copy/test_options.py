"""copier.yml has the settings and the messages; options/ has a file for each question."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.template import COPIER, DATABASES, FACTS, QUESTIONS, ROOT, files, questions

FILES = sorted((ROOT / "options").iterdir())
TEXT = (ROOT / "copier.yml").read_text("utf-8")
INCLUDE = re.compile(r"(?m)^--- !include (.*)$")


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text("utf-8"))


def test_each_question_has_a_file() -> None:
    """Named after it, and in the order in which copier asks."""
    asked = [list(questions(read(path))) for path in FILES]
    assert asked == [[name] for name in QUESTIONS]
    assert all(re.fullmatch(r"\d\d-[a-z_]+\.yml", path.name) for path in FILES)
    assert [path.stem[3:] for path in FILES] == list(QUESTIONS)


def test_copier_yml_names_each_file() -> None:
    """A pattern would take them in the order of the file system, another on each machine."""
    assert INCLUDE.findall(TEXT) == [path.relative_to(ROOT).as_posix() for path in FILES]


def test_copier_yml_asks_nothing() -> None:
    documents = yaml.safe_load_all(INCLUDE.sub("---", TEXT))
    assert not [name for one in documents if one for name in questions(one)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_has_no_settings_but_patterns(path: Path) -> None:
    """copier joins the lists of patterns; of any other setting it takes the last."""
    assert {name for name in read(path) if name.startswith("_")} <= {"_exclude"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_patterns_depend_on_the_question_of_their_file(path: Path) -> None:
    for pattern in read(path).get("_exclude", []):
        assert re.search(rf"\{{% if .*\b{path.stem[3:]}\b.* %\}}", pattern)
        assert pattern in COPIER["_exclude"]


def test_nothing_is_named_twice() -> None:
    named = [name for path in FILES for name in read(path) if not name.startswith("_")]
    assert len(named) == len(set(named))


def test_every_database_has_the_same_facts() -> None:
    """In the same order, and of the same kind."""
    kinds = [[(name, type(fact)) for name, fact in facts.items()] for facts in FACTS.values()]
    assert list(FACTS) == DATABASES
    assert all(one == kinds[0] for one in kinds)


def test_every_fact_is_used() -> None:
    texts = [
        path.read_text("utf-8") for path in files(ROOT / "template") if path.suffix == ".jinja"
    ]
    used = re.findall(r"database_facts\.(\w+)", "".join([*texts, str(COPIER)]))
    assert set(used) == set(FACTS[DATABASES[0]])
