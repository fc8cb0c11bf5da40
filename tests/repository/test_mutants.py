"""The regressions in mutants/ can be planted; `make mutants` plants them and runs their tests."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.template import add_kit_tests, render
from mutants import SERVICES, DoesNotApplyError, Mutant, load
from mutants.__main__ import Outcome, state_of

MUTANTS = load()


@pytest.fixture(scope="module")
def folders(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str | None, Path]:
    """Return the folder with the files of a mutant: a service by its database, or this repository."""
    by_database: dict[str | None, Path] = {None: source}
    for database, answers in SERVICES.items():
        service = render(source, tmp_path_factory.mktemp("mutants") / database, answers)
        add_kit_tests(service, database)
        by_database[database] = service
    return by_database


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_applies(mutant: Mutant, folders: dict[str | None, Path]) -> None:
    """Its text is in the file once, and its test exists."""
    folder = folders[mutant.database]
    path = folder / mutant.file
    before = path.read_text("utf-8")
    mutant.apply(folder)
    path.write_text(before, "utf-8")
    file, _, name = mutant.test.partition("::")
    text = "".join(texts(folder, folder / file))
    assert re.search(rf"(?m)^(?:async )?def {re.escape(name.partition('[')[0])}\(", text)
    assert mutant.says.strip()


def texts(folder: Path, path: Path) -> Iterator[str]:
    """Yield the text of a module of tests, and of those from which it imports all tests."""
    text = path.read_text("utf-8")
    yield text
    for module in re.findall(r"(?m)^from ([\w.]+) import \*", text):
        imported = folder / f"{module.replace('.', '/')}.py"
        if imported.is_file():
            yield imported.read_text("utf-8")


def test_many_mutants_have_different_names() -> None:
    assert len(MUTANTS) >= 60
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_text_that_is_not_in_the_file_exactly_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one two two\n", "utf-8")
    for file, old in (("file", "three"), ("file", "two"), ("nowhere", "one")):
        mutant = Mutant("name", file, old, "new", "tests/test_a.py::test_b", "says")
        with pytest.raises(DoesNotApplyError, match="name"):
            mutant.apply(tmp_path)
    Mutant("name", "file", "one", "new", "tests/test_a.py::test_b", "says").apply(tmp_path)
    assert (tmp_path / "file").read_text("utf-8") == "new two two\n"


@pytest.mark.parametrize(
    ("status", "output", "state"),
    [
        (1, "assert 500 == 409", "killed"),
        (1, "ImportError", "killed without a word"),
        (0, "1 passed", "survived"),
        (4, "no tests ran: 409", "pytest ended with 4"),
        (None, "409", "over the limit"),
    ],
)
def test_only_a_test_that_says_why_kills(status: int | None, output: str, state: str) -> None:
    mutant = Mutant("name", "file", "old", "new", "tests/test_a.py::test_b", "409")
    assert state_of(mutant, Outcome(status, output)) == state
