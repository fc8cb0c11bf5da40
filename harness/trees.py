"""The files of a project, to compare them."""

from pathlib import Path

CACHES = {".venv", "__pycache__", ".ruff_cache", ".pytest_cache", ".mypy_cache"}


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return the content of all files, and the names of all folders."""
    entries = {}
    for path in sorted(folder.rglob("*")):
        if CACHES.isdisjoint(path.parts):
            name = str(path.relative_to(folder))
            entries[name] = path.read_bytes() if path.is_file() else None
    return entries
