"""The code of another commit, in a temporary folder, to run with the packages of this one."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

from dotenv import dotenv_values

from kit.project import PROJECT_DIR


def extract(commit: str, folder: Path) -> None:
    """Write the files of the project at a commit, which may be a part of its repository.

    Raises subprocess.SubprocessError or tarfile.TarError if they cannot be read.
    """
    command = ["git", "archive", "--format=tar", commit]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, check=True)  # noqa: S603
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


def environment_for(folder: Path) -> dict[str, str]:
    """Return the environment of a program in the folder: that of this process, with .env."""
    environment = dict(os.environ)
    for name, value in dotenv_values(PROJECT_DIR / ".env").items():
        environment.setdefault(name, value or "")
    # make adds src/ of the project, but the folder has its own.
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), str(folder / "src")])
    return environment
