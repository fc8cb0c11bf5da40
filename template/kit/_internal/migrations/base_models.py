"""What the models of the base branch use, read by running its code in a temporary folder."""

import json
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic.script import ScriptDirectory

from kit._internal.exported_code import environment_for, extract
from kit._internal.migrations.base_branch import GitError, NoBaseError, Repository
from kit._internal.migrations.guards import GuardError, Removal, quote

# The program that it runs.
PROGRAM = Path(__file__).with_name("used_columns.py")
# Seconds that the code may need.
TIMEOUT = 60


class UnreadableModelsError(Exception):
    """The models of the base branch cannot be read; the message says why."""


def find_base(scripts: ScriptDirectory) -> str | None:
    """Return the base branch, or None without a checkout or a base: there is nothing to ask."""
    repository = Repository(scripts)
    try:
        base = repository.find_base()
        if base and repository.exists(base):
            return base
    except (GitError, NoBaseError):
        return None
    return None


def refuse_used(removal: Removal, scripts: ScriptDirectory, section: str = "alembic") -> None:
    """Raise GuardError if the models of the base branch use a column or a table.

    Also if they cannot be read: then only the developer knows.
    """
    base = find_base(scripts)
    if base is None:
        return
    allow = f"make db-migrate allow={quote(str(removal))}"
    try:
        used = read_used_columns(base, section)
    except UnreadableModelsError as error:
        raise GuardError(
            f"cannot check whether {base} uses {removal}: {error}. If no release uses it: {allow}"
        ) from None
    if is_used(removal, used):
        raise GuardError(
            f"the models of {base} use {removal}, and so may running releases: first merge and"
            f" release code that does not use it. If no release uses it: {allow}"
        )


def is_used(removal: Removal, used: dict[str, list[str]]) -> bool:
    if removal.column is None:
        return removal.table in used
    return removal.column in used.get(removal.table, [])


@cache
def read_used_columns(base: str, section: str) -> dict[str, list[str]]:
    """Return the columns that the models of a branch use, by table; raise UnreadableModelsError."""
    with TemporaryDirectory() as name:
        # On macOS, the temporary folder is behind a link.
        folder = Path(name).resolve()
        try:
            extract(base, folder)
        except (tarfile.TarError, subprocess.SubprocessError) as error:
            raise UnreadableModelsError(f"its files cannot be read: {error}") from None
        return run(folder, section)


def run(folder: Path, section: str) -> dict[str, list[str]]:
    """Return what used_columns.py prints for the code in a folder."""
    # -P: this package's folder is not on the path, so the folder's own kit is imported.
    command = [sys.executable, "-P", str(PROGRAM), section]
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=folder,
            env=environment_for(folder),
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=True,
        )
        used: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no error was printed"]
        raise UnreadableModelsError(f"its code does not run here: {lines[-1]}") from None
    except subprocess.TimeoutExpired:
        raise UnreadableModelsError(f"its code needs over {TIMEOUT} seconds") from None
    return used
