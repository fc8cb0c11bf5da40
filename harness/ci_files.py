"""The files of `ci`: how they are read, validated and run."""

import sys
from pathlib import Path
from typing import Any

import yaml

from harness.processes import run

PROGRAMS = Path(sys.executable).parent
# The shells of the two, with the options that they are started with.
GITHUB_SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
GITLAB_SHELL = ("bash", "-eo", "pipefail", "-c")


def load(path: Path) -> Any:
    # YAML 1.1 takes `on` for true.
    return yaml.load(path.read_text("utf-8"), yaml.BaseLoader)


def has_schema(folder: Path, schema: str, *options: str | Path) -> None:
    check = ("--builtin-schema", f"vendor.{schema}", *options)
    run(PROGRAMS / "check-jsonschema", *check, cwd=folder)
