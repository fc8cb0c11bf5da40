"""Reads the OpenAPI schema of another commit, by running its code in a temporary folder."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.base import git, is_comparable
from scripts.openapi_changes.findings import Schema
from kit._internal.exported_code import environment_for, extract

# Seconds that the code may need.
TIMEOUT = 60


class NothingToCompareError(Exception):
    """The base has no schema that can be read; the message says why."""


def read_schema(base: str) -> Schema:
    """Return the schema of the commit at which this branch left the base.

    The packages and the settings are those of the project now. Raises NothingToCompareError if the
    code of the commit has no schema or does not run with them.
    """
    if not is_comparable(base):
        raise SystemExit(f"base={base}: no such branch; the API is compared with a commit")
    commit = git("merge-base", "--end-of-options", "HEAD", base)[0]
    with TemporaryDirectory() as name:
        folder = Path(name)
        try:
            extract(commit, folder)
        except (tarfile.TarError, subprocess.SubprocessError) as error:
            raise NothingToCompareError(f"its files cannot be read: {error}") from None
        if not (folder / "scripts/openapi.py").is_file():
            raise NothingToCompareError("it has no scripts/openapi.py")
        return run(folder)


def run(folder: Path) -> Schema:
    """Return the schema that the code in a folder prints."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "scripts.openapi"],
            cwd=folder,
            env=environment_for(folder),
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=True,
        )
        schema: Schema = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no error was printed"]
        raise NothingToCompareError(f"its code does not run here: {lines[-1]}") from None
    except subprocess.TimeoutExpired:
        raise NothingToCompareError(f"its code needs over {TIMEOUT} seconds") from None
    except ValueError:
        raise NothingToCompareError("its code prints something else than the schema") from None
    return schema
