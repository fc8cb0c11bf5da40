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
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import psycopg

from tests.project import Project
from tests.support import wait_for


@contextlib.contextmanager
def following(project: Project, url: str) -> Iterator[str]:
    """Yield the address of the same database on a standby."""
    (folder,) = parse_qs(urlsplit(url).query)["host"]
    # The newest of the versions that the package carries is the one that runs.
    *_, programs = sorted((project.folder / ".venv").resolve().rglob("pginstall*/bin"))
    # Neither runs as root, and the socket's folder is closed to others.
    owner = pwd.getpwuid(Path(folder).stat().st_uid)[0]
    options: dict[str, Any] = {"user": owner} if os.geteuid() == 0 else {}
    place = Path(tempfile.mkdtemp(prefix="standby-"))
    try:
        shutil.chown(place, owner)
        data = place / "data"
        copy = [programs / "pg_basebackup", "-D", data, "-d", url, "-R", "-c", "fast", "--no-sync"]
        subprocess.run(copy, check=True, capture_output=True, cwd=place, **options)
        settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={place}"]
        with (place / "log").open("w") as log:
            command = [programs / "postgres", "-D", data, *settings]
            process = subprocess.Popen(command, cwd=place, stdout=log, stderr=log, **options)
        there = url.replace(quote(folder), str(place)).replace(folder, str(place))

        def answers() -> bool:
            assert process.poll() is None, (place / "log").read_text("utf-8")
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(there).close()
                return True
            return False

        try:
            wait_for(answers, "the standby answers")
            yield there
        finally:
            # Fast: without waiting for whoever is still connected.
            process.send_signal(signal.SIGINT)
            process.wait(30)
    finally:
        shutil.rmtree(place, ignore_errors=True)
