"""Where the project is, and what its pyproject.toml says about it."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["PROJECT_DIR", "is_own_module", "read_metadata"]

# kit/ stands beside pyproject.toml, wherever the service's own package is.
PROJECT_DIR = Path(__file__).resolve().parent.parent
# Where the packages of a project may be.
SOURCES = (PROJECT_DIR, PROJECT_DIR / "src")


@cache
def read_metadata() -> dict[str, Any]:
    """Return the table [project] of pyproject.toml: name, version, description and others."""
    text = (PROJECT_DIR / "pyproject.toml").read_text("utf-8")
    metadata: dict[str, Any] = tomllib.loads(text)["project"]
    return metadata


def is_own_module(name: str) -> bool:
    """Return whether a module is part of this project, rather than an installed package."""
    package = name.partition(".")[0]
    return any((folder / package).is_dir() for folder in SOURCES)
