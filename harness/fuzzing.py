"""Requests that schemathesis makes up from the OpenAPI document of a running service."""

import sys
from pathlib import Path

from harness.processes import run

# No 5xx, no undocumented status, content type or header, no body that its schema does not allow.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


def fuzz(
    address: str,
    folder: Path,
    *options: str,
    checks: tuple[str, ...] = CHECKS,
    examples: int = 50,
    seconds: int = 20,
) -> None:
    """Send requests to a service; raise AssertionError if an answer fails a check.

    `examples` are those of each operation, `seconds` is the time of each phase at most.
    """
    command = (sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json")
    bounds = (
        "--max-examples",
        str(examples),
        "--max-time",
        str(seconds),
        "--request-timeout",
        "20",
    )
    output = ("--no-color", "--generation-database", "none")
    done = run(*command, "--checks", ",".join(checks), *bounds, *output, *options, cwd=folder)
    assert "Test cases" in done.stdout
