"""docs/reference says what copier.yml, the Makefile, the settings and the messages say."""

import re
from pathlib import Path

import pytest

from harness.template import DATABASES, ROOT, Render, makefile, render
from tools.reference import GENERATED, PAGES, PART, pages, setting_rows

MESSAGES = PAGES / "exit-codes-and-messages.md"
# What stands in a message for a name, a number or a reason.
OPEN = re.compile(r"…|\.\.\.|<\w+>")


def test_tables_are_up_to_date() -> None:
    stale = [path.name for path, text in pages() if path.read_text("utf-8") != text]
    assert not stale, f"python -m tools.reference writes {', '.join(stale)}"


def test_every_table_is_on_a_page() -> None:
    text = "".join(path.read_text("utf-8") for path in PAGES.glob("*.md"))
    assert sorted(name for _, name, _ in PART.findall(text)) == sorted(GENERATED)


def messages() -> list[str]:
    """Return the messages that the page explains: the first cell of each row, in code."""
    _codes, explained = MESSAGES.read_text("utf-8").split("## Settings")
    return re.findall(r"(?m)^\| `([^`]+)` \| (?!---)", explained)


@pytest.fixture(scope="module")
def code(source: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the code of a service on either database: its texts in one piece, without values."""
    folder = tmp_path_factory.mktemp("messages")
    texts = []
    for database in DATABASES:
        project = render(source, folder / database, {"database": database})
        # Not its tests, which repeat messages that the code may no longer have.
        folders = [folder for folder in project.iterdir() if folder.name != "tests"]
        own = [path for folder in folders for path in folder.rglob("*.py")]
        for path in sorted(own):
            joined = re.sub(r"\"\s*\n\s*f?\"", "", path.read_text("utf-8"))
            texts.append(re.sub(r"\{[^{}\n]*\}", "", joined))
        texts.append(makefile(project))
    return "".join(texts)


@pytest.mark.parametrize("message", messages())
def test_message_exists(message: str, code: str) -> None:
    """Every part of it that does not change is in the code."""
    for part in OPEN.split(message):
        assert part.strip(" :;,.") in code


@pytest.mark.parametrize("database", DATABASES)
def test_example_of_the_environment_names_settings(rendered: Render, database: str) -> None:
    folder = rendered(database=database)
    text = (folder / ".env.example").read_text("utf-8")
    names = re.findall(r"(?m)^(?:# )?([A-Z][A-Z0-9_]*)=", text)
    known = {row[0].strip("`") for row in setting_rows(folder)}
    assert len(names) > 3
    assert not set(names) - known, "no setting has this name"


def test_there_are_messages() -> None:
    assert len(messages()) > 20
    assert (ROOT / "docs/README.md").read_text("utf-8").count("exit-codes-and-messages.md") == 1
