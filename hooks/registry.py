"""The hooks of each release."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from project import Project

    Migration = Callable[[Project], None]

MIGRATIONS: dict[tuple[str, str], list[Migration]] = {}


def migration(version: str, stage: str = "before") -> Callable[[Migration], Migration]:
    """Register a function that migrates a project to this release, before or after rendering."""

    def register(function: Migration) -> Migration:
        MIGRATIONS.setdefault((version, stage), []).append(function)
        return function

    return register
