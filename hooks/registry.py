"""Which functions belong to which release."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from project import Project

    Migration = Callable[[Project], None]

MIGRATIONS: dict[str, list[Migration]] = {}


def migration(version: str) -> Callable[[Migration], Migration]:
    """Register a function that brings a project to this release."""

    def register(function: Migration) -> Migration:
        MIGRATIONS.setdefault(version, []).append(function)
        return function

    return register
