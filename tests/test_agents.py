"""AGENTS.md of a service: its commands work as written, what it names exists, and it stays its team's."""

import re
from pathlib import Path

import copier
import pytest

from tests.pages import Block, Reader, blocks, reading
from tests.releases import Releases, commit, edit, git, publish, tagged_clone
from tests.template import DATABASES, ROOT, files, render

# A name in backticks that is a path: it has a slash or an ending, and no blank.
PATH = re.compile(r"^\.?[\w-]+(?:/[\w.-]*|\.(?:py|md|yml|toml))+$")
TARGET = re.compile(r"\bmake ([a-z][a-z-]*)")
LONGEST = 80


def page(folder: Path) -> str:
    return (folder / "AGENTS.md").read_text("utf-8")


@pytest.fixture(params=DATABASES)
def service(request: pytest.FixtureRequest, source: Path, tmp_path: Path) -> Path:
    return render(source, tmp_path / "orders", {"database": request.param})


def test_targets_exist(service: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (service / "Makefile").read_text("utf-8")))
    named = set(TARGET.findall(page(service)))
    assert len(named) > 8
    assert not named - targets


