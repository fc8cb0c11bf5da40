"""Which files of an existing project a copy replaces: the tables of the guide name all of them."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from harness.template import ROOT, choices, render

GUIDE = ROOT / "docs/how-to/adopt-an-existing-project.md"
OURS = "# Ours.\n"
# copier refuses it.
ANSWERS_FILE = ".copier-answers.yml"


def patterns_of(table: str) -> list[str]:
    """Return the names in the first column of a table of files with this heading."""
    text = GUIDE.read_text("utf-8").partition(f"{table}\n")[2]
    rows = re.findall(r"(?m)^\| (`.*?) \|", text.partition("\n\n")[0])
    return re.findall(r"`(.*?)`", "\n".join(rows))


REPLACED = patterns_of("| file | answer | because |")
KEPT = patterns_of("| file | what to do |")


def names(folder: Path) -> list[str]:
    paths = filter(Path.is_file, folder.rglob("*"))
    return [path.relative_to(folder).as_posix() for path in paths]


@pytest.fixture(scope="module")
def replaced(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Return whether a copy replaces each file that it may write, in a folder that has it."""
    files = {}
    for ci in choices("ci"):
        answers = {"ci": ci, "database": "postgresql", "deploy": choices("deploy")[-1]}
        fresh = render(source, tmp_path_factory.mktemp(ci) / "orders", answers)
        folder = tmp_path_factory.mktemp(ci) / "orders"
        written = [name for name in names(fresh) if name != ANSWERS_FILE]
        for name in written:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(OURS, "utf-8")
        render(source, folder, answers, overwrite=True)
        for name in written:
            files[name] = (folder / name).read_text("utf-8") != OURS
    return files


def unnamed(files: list[str], patterns: list[str]) -> list[str]:
    """Return the files that no pattern names."""
    return [file for file in files if not any(fnmatchcase(file, pattern) for pattern in patterns)]


def test_guide_names_all_files_that_a_copy_replaces(replaced: dict[str, bool]) -> None:
    assert unnamed([file for file, changed in replaced.items() if changed], REPLACED) == []


def test_guide_names_all_files_that_a_copy_keeps(replaced: dict[str, bool]) -> None:
    assert unnamed([file for file, changed in replaced.items() if not changed], KEPT) == []


def test_guide_names_no_other_files(replaced: dict[str, bool]) -> None:
    named = [*REPLACED, *KEPT]
    assert [
        pattern
        for pattern in named
        if pattern not in {ANSWERS_FILE, ".env"}
        and not any(fnmatchcase(file, pattern) for file in replaced)
    ] == []
