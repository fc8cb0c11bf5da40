"""The folder of the project, and the metadata in its pyproject.toml."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["PROJECT_DIR", "is_own_module", "read_metadata"]

# The folder with pyproject.toml and kit/.
PROJECT_DIR = Path(__file__).resolve().parent.parent
# Folders in which the packages of the project may be.
SOURCES = (PROJECT_DIR, PROJECT_DIR / "src")


@cache
def read_metadata() -> dict[str, Any]:
    """Return [project] of pyproject.toml, with name, version and description."""
    text = (PROJECT_DIR / "pyproject.toml").read_text("utf-8")
    metadata: dict[str, Any] = tomllib.loads(text)["project"]
    return metadata


def is_own_module(name: str) -> bool:
    """Return whether a module is part of this project, not of an installed package."""
    package = name.partition(".")[0]
    return any((folder / package).is_dir() for folder in SOURCES)
