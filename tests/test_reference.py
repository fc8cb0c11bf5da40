"""docs/reference says what copier.yml, the Makefile, the settings and the messages say."""

import re
from pathlib import Path

import pytest

from tests.reference import GENERATED, PAGES, PART, pages
from tests.template import DATABASES, ROOT, render

MESSAGES = PAGES / "exit-codes-and-messages.md"
# What stands in a message for a name, a number or a reason.
OPEN = re.compile(r"…|\.\.\.|<\w+>")


def test_tables_are_up_to_date() -> None:
    stale = [path.name for path, text in pages() if path.read_text("utf-8") != text]
    assert not stale, f"python -m tests.reference writes {', '.join(stale)}"


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
        for path in sorted(project.rglob("*.py")):
            joined = re.sub(r"\"\s*\n\s*f?\"", "", path.read_text("utf-8"))
            texts.append(re.sub(r"\{[^{}\n]*\}", "", joined))
        texts.append((project / "Makefile").read_text("utf-8"))
    return "".join(texts)


@pytest.mark.parametrize("message", messages())
def test_message_exists(message: str, code: str) -> None:
    """Every part of it that does not change is in the code."""
    for part in OPEN.split(message):
        assert part.strip(" :;,.") in code


def test_there_are_messages() -> None:
    assert len(messages()) > 20
    assert (ROOT / "docs/README.md").read_text("utf-8").count("exit-codes-and-messages.md") == 1
