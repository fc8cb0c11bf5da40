"""The development database, a SQLite file: `make db-start`, `db-stop`, `db-reset`, `db-shell`."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from scripts.commands import confirm, execute, main
from scripts.project import load_settings
from kit._internal.sqlite.files import delete
from kit.project import PROJECT_DIR

# The first bytes of every database (SQLite manual, "Database File Format").
HEADER = b"SQLite format 3\0"


def database_file() -> Path:
    """Return the file that DATABASE_URL names; exit with a message for an in-memory database."""
    name = load_settings().database_url.database
    if name is None:
        raise SystemExit("DATABASE_URL names an in-memory database, which ends with its process")
    return Path(name)


def is_development_database() -> bool:
    """Return whether .env, not the environment, names a file in the folder of the project."""
    if os.environ.get("DATABASE_URL") or not (PROJECT_DIR / ".env").exists():
        return False
    return database_file().resolve().is_relative_to(PROJECT_DIR)


def start() -> None:
    print(f"SQLite is a file, {database_file()}: nothing to start")


def stop() -> None:
    print(f"SQLite is a file, {database_file()}: nothing to stop")


def reset() -> None:
    """Delete the file if the user types its name."""
    file = database_file()
    refuse_other(file)
    refuse_two_files(file)
    confirm(file.name, f"This deletes everything in {file}.")
    delete(file)
    print(f"{file} deleted")


def refuse_other(file: Path) -> None:
    """Exit with a message if the file is a link or not a database."""
    if file.resolve() != file.parent.resolve() / file.name:
        raise SystemExit(f"refused: {file} is a link to {file.resolve()}; name that file")
    if not file.exists():
        return
    if not file.is_file():
        raise SystemExit(f"refused: {file} is not a file")
    with file.open("rb") as content:
        header = content.read(len(HEADER))
    if header not in {b"", HEADER}:
        raise SystemExit(f"refused: {file} is not a SQLite database")


def refuse_two_files(file: Path) -> None:
    """Exit with a message if MIGRATION_DATABASE_URL names another file."""
    name = load_settings().migration_url.database
    if name is None or Path(name).resolve() != file.resolve():
        raise SystemExit(
            f"refused: DATABASE_URL is {file}, but MIGRATION_DATABASE_URL is another database,"
            f" {name or 'in memory'}"
        )


def shell() -> None:
    """Replace this process with SQLite's shell, or with Python's if that is not installed."""
    file = str(database_file())
    program = shutil.which("sqlite3")
    if program:
        execute([program, file])
    if find_spec("sqlite3.__main__"):
        execute([sys.executable, "-m", "sqlite3", file])
    raise SystemExit("no SQL shell here: install the program sqlite3, or use Python 3.12")


if __name__ == "__main__":
    main(start, stop, reset, shell)
