"""Reads the OpenAPI schema of another commit, by running its code in a temporary folder."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from dotenv import dotenv_values

from scripts.base import git, is_comparable
from scripts.openapi_changes.findings import Schema
from kit.project import PROJECT_DIR

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


def extract(commit: str, folder: Path) -> None:
    """Write the files of the project at a commit, which may be a part of its repository."""
    command = ["git", "archive", "--format=tar", commit]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


def run(folder: Path) -> Schema:
    """Return the schema that the code in a folder prints."""
    environment = dict(os.environ)
    for name, value in dotenv_values(PROJECT_DIR / ".env").items():
        environment.setdefault(name, value or "")
    # make adds src/ of the project, but the folder has its own.
    environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "scripts.openapi"],
            cwd=folder,
            env=environment,
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
