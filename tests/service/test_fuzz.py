"""The generated API, fuzzed from its own description of itself."""

from pathlib import Path

import pytest

from harness.fuzzing import fuzz
from harness.project import Project

pytestmark = pytest.mark.seconds(30)


def test_api_does_what_it_says(project: Project, url: str, tmp_path: Path) -> None:
    """No 5xx, no undocumented status or content type, no body that its schema does not allow."""
    project.alembic(url, "upgrade", "head")
    with project.serve("python", "-m", "app", url=url, log=tmp_path / "log") as server:
        fuzz(server.address, tmp_path, examples=10)
    assert "unexpected error" not in server.log
