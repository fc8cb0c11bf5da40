"""docs/reference agrees with copier.yml, the Makefile, the settings and the messages."""

import re
from pathlib import Path

import pytest

from harness.template import DATABASES, ROOT, TELEMETRY_PARTS, Render, files, makefile, render
from tools.reference import (
    GENERATED,
    PAGES,
    PART,
    pages,
    part_variables,
    setting_rows,
)

MESSAGES = PAGES / "exit-codes-and-messages.md"
# Placeholders in a message for a name, a number or a reason.
OPEN = re.compile(r"…|\.\.\.|<\w+>")


def test_tables_are_up_to_date() -> None:
    for path, text in pages():
        assert path.read_text("utf-8") == text, f"python -m tools.reference writes {path.name}"


def test_every_table_is_on_a_page() -> None:
    names = []
    for path in PAGES.glob("*.md"):
        for part in PART.finditer(path.read_text("utf-8")):
            names.append(part[2])
    assert sorted(names) == sorted(GENERATED)


def messages() -> list[str]:
    """Return the messages that the page explains: the first cell of each row, in code."""
    _codes, explained = MESSAGES.read_text("utf-8").split("## Settings")
    return re.findall(r"(?m)^\| `([^`]+)` \| (?!---)", explained)


def code_of(project: Path) -> list[str]:
    """Return the texts in the code of a project, and its targets of make."""
    texts = []
    for path in files(project):
        # Not its tests, which repeat messages that the code may no longer have.
        if path.suffix == ".py" and not path.is_relative_to(project / "tests"):
            joined = re.sub(r"\"\s*\n\s*f?\"", "", path.read_text("utf-8"))
            texts.append(re.sub(r"\{[^{}\n]*\}", "", joined))
    return [*texts, makefile(project)]


@pytest.fixture(scope="module")
def code(source: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the code of a service on either database: its texts in one piece, without values."""
    folder = tmp_path_factory.mktemp("messages")
    texts = []
    for database in DATABASES:
        for auth in ("oidc", "accounts"):
            answers = {"database": database, "telemetry": TELEMETRY_PARTS, "auth": auth}
            project = render(source, folder / f"{database}-{auth}", answers)
            texts += code_of(project)
    return "".join(texts)


@pytest.mark.parametrize("message", messages())
def test_message_exists(message: str, code: str) -> None:
    """Every part of it that does not change is in the code."""
    for part in OPEN.split(message):
        assert part.strip(" :;,.") in code


@pytest.mark.parametrize("database", DATABASES)
def test_example_of_the_environment_names_settings(rendered: Render, database: str) -> None:
    folder = rendered(database=database, telemetry=TELEMETRY_PARTS)
    text = (folder / ".env.example").read_text("utf-8")
    names = re.findall(r"(?m)^(?:# )?([A-Z][A-Z0-9_]*)=", text)
    settings = [row[0].strip("`") for row in setting_rows(folder)]
    for part in TELEMETRY_PARTS:
        settings += part_variables(folder, part)
    page = (PAGES / "settings.md").read_text("utf-8")
    assert len(names) > 3
    for name in names:
        assert name in settings or (name.startswith("OTEL_") and f"`{name}`" in page)


def test_settings_of_telemetry_are_explained(rendered: Render) -> None:
    """Those of OpenTelemetry by hand, as most of them are not fields."""
    folder = rendered(database="sqlite", telemetry=TELEMETRY_PARTS)
    page = (PAGES / "settings.md").read_text("utf-8")
    for part in TELEMETRY_PARTS:
        for name in part_variables(folder, part):
            assert f"| `{name}`" in page or f", `{name}`" in page, name


def test_messages_are_explained_on_a_page_of_their_own() -> None:
    assert len(messages()) > 20
    assert (ROOT / "docs/README.md").read_text("utf-8").count("exit-codes-and-messages.md") == 1
