"""A second PostgreSQL that follows the one of a project."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from tests.project import Project
from tests.support import only
from tests.system import answering


@contextlib.contextmanager
def following(project: Project, url: str) -> Iterator[str]:
    """Yield the address of the same database on a standby."""
    folder = only(parse_qs(urlsplit(url).query)["host"])
    # The newest of the versions that the package carries is the one that runs.
    *_, programs = sorted((project.folder / ".venv").resolve().rglob("pginstall*/bin"))
    # Neither runs as root, and the socket's folder is closed to others.
    owner = pwd.getpwuid(Path(folder).stat().st_uid)[0]
    user = owner if os.geteuid() == 0 else None
    place = Path(tempfile.mkdtemp(prefix="standby-"))
    try:
        shutil.chown(place, owner)
        data = place / "data"
        copy = [programs / "pg_basebackup", "-D", data, "-d", url, "-R", "-c", "fast", "--no-sync"]
        subprocess.run(copy, check=True, capture_output=True, cwd=place, user=user)
        settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={place}"]
        command = [programs / "postgres", "-D", data, *settings]
        there = url.replace(quote(folder), str(place)).replace(folder, str(place))
        # Fast: without waiting for whoever is still connected.
        with answering(command, there, place / "log", user, signal.SIGINT, grace=30):
            yield there
    finally:
        shutil.rmtree(place, ignore_errors=True)
