"""Workflows of GitHub and pipelines of GitLab: how tests read, validate and run them."""

import sys
from pathlib import Path
from typing import Any

import yaml

from harness.processes import run

PROGRAMS = Path(sys.executable).parent
# The shells that run the steps of each, with their options.
GITHUB_SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
GITLAB_SHELL = ("bash", "-eo", "pipefail", "-c")


def load(path: Path) -> Any:
    """Return the content of a YAML file with all scalars as text: YAML 1.1 reads `on` as true."""
    return yaml.load(path.read_text("utf-8"), yaml.BaseLoader)


def check_schema(folder: Path, schema: str, *options: str | Path) -> None:
    """Check files against a schema of check-jsonschema; raise AssertionError unless they match."""
    check = ("--builtin-schema", f"vendor.{schema}", *options)
    run(PROGRAMS / "check-jsonschema", *check, cwd=folder)
