"""The files of a database."""

from pathlib import Path


def delete(file: Path) -> None:
    """Delete a database and SQLite's other files of it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
