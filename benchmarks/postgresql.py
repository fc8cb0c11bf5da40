"""A PostgreSQL for measurements: the one that the service brings, listening on loopback."""

import contextlib
import os
import pwd
import signal
from collections.abc import Iterator

from harness.programs import answering
from harness.project import Project
from harness.servers import free_port

DATABASE = "benchmark"


@contextlib.contextmanager
def listening(project: Project, core: int) -> Iterator[str]:
    """Start the project's server with a port, on one core; yield the address of its database.

    The project's own command starts it without one, and contestants have to be able to reach it.
    """
    project.make("db-stop")
    folder = project.folder / ".postgres"
    *_, programs = sorted((project.folder / ".venv").rglob("pginstall*/bin"))
    owner = pwd.getpwuid(folder.stat().st_uid)[0]
    port = free_port()
    command = ["taskset", "--cpu-list", str(core), programs / "postgres", "-D", folder]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-k", folder]
    # Contestants run side by side, each with a pool of its own.
    command += ["-c", "max_connections=300"]
    url = f"postgresql://postgres@127.0.0.1:{port}/{project.folder.name}"
    user = owner if os.geteuid() == 0 else None
    log = project.folder.parent / "postgresql.log"
    with answering(command, url, log, user, signal.SIGINT, grace=30):
        yield url
