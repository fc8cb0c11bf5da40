"""What follows the files of a resource: a revision, the migration and all checks (`migrate=1`).

Alembic runs in this process, which has imported the models: a process for each command would take
twice as long.
"""

import importlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from alembic.config import main as run_alembic

from scripts.project import PACKAGE
from scripts.resource.dropping import revisions_of
from scripts.resource.files import Change
from scripts.resource.model import Resource
from scripts.resource.refusal import RefusedError
from scripts.revisions import oldest_first, read_applied, script_directory, state_of

__all__ = ["import_models", "migrate", "refuse_pending"]

# Make passes its own arguments to the make that it starts.
MAKE_VARIABLES = ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL")


def refuse_pending(resource: Resource) -> None:
    """Refuse a database for which no revision can be written, before anything else is."""
    if revisions_of(resource.plural):
        # It only has to be applied.
        return
    if len(script_directory().get_heads()) > 1:
        raise RefusedError("nothing was written: there are several heads, run make db-rebase first")
    try:
        applied = read_applied()
    except SystemExit as error:
        raise RefusedError(f"nothing was written: {error}") from None
    pending = [script for script in oldest_first() if state_of(script, applied) == "pending"]
    if pending:
        raise RefusedError(
            "nothing was written: the database is behind the revisions, run make db-migrate first"
        )


def import_models(changes: Iterable[Change], models: Path) -> None:
    """Import the models that were written, which adds their tables to the others."""
    importlib.invalidate_caches()
    for change in changes:
        if change.path.parent == models and change.before is None:
            importlib.import_module(f"{PACKAGE}.models.{change.path.stem}")


def migrate(resource: Resource) -> int:
    """Write the revision, unless there is one, migrate, and run all checks; return the status.

    Raises SystemExit after a message of Alembic.
    """
    if not revisions_of(resource.plural):
        message = f"add {resource.labels}"
        print(f'\nmake db-revision m="{message}"', flush=True)
        run_alembic(["revision", "--autogenerate", f"--message={message}"], prog="alembic")
    print("\nmake db-migrate", flush=True)
    run_alembic(["upgrade", "head"], prog="alembic")
    print("\nmake check", flush=True)
    environment = dict(os.environ)
    for name in MAKE_VARIABLES:
        environment.pop(name, None)
    command = ["make", "--no-print-directory", "check"]
    return subprocess.run(command, env=environment, check=False).returncode
