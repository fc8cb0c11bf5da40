"""The generated API, fuzzed from its own description of itself."""

import sys
from pathlib import Path

import pytest

from harness.processes import run
from harness.project import Project

pytestmark = pytest.mark.seconds(30)

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


def test_api_does_what_it_says(project: Project, url: str, tmp_path: Path) -> None:
    """No 5xx, no undocumented status or content type, no body that its schema does not allow."""
    project.alembic(url, "upgrade", "head")
    with project.serve("python", "-m", "app", url=url, log=tmp_path / "log") as server:
        fuzz = (sys.executable, "-m", "schemathesis.cli", "run", f"{server.address}/openapi.json")
        bounds = ("--max-examples", "50", "--max-time", "20", "--request-timeout", "20")
        output = ("--no-color", "--generation-database", "none")
        checks = ("--checks", ",".join(CHECKS))
        done = run(*fuzz, *checks, *bounds, *output, cwd=tmp_path)
    assert "Test cases" in done.stdout
    assert "unexpected error" not in server.log
