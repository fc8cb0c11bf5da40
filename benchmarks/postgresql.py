"""The PostgreSQL of the rendered service, listening on a port of loopback for measurements."""

import contextlib
import os
import pwd
import signal
from collections.abc import Iterator

from harness.programs import answering
from harness.project import Project
from harness.servers import free_port


@contextlib.contextmanager
def listening(project: Project, core: int) -> Iterator[str]:
    """Start the project's server on a core; yield the URL of its database.

    `make db-start` starts it on a socket only, which not every compared server can use.
    """
    project.make("db-stop")
    folder = project.folder / ".postgres"
    *_, programs = sorted((project.folder / ".venv").rglob("pginstall*/bin"))
    owner = pwd.getpwuid(folder.stat().st_uid)[0]
    port = free_port()
    command = ["taskset", "--cpu-list", str(core), programs / "postgres", "-D", folder]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-k", folder]
    # The compared servers run side by side, each with its own pool.
    command += ["-c", "max_connections=300"]
    url = f"postgresql://postgres@127.0.0.1:{port}/{project.folder.name}"
    # PostgreSQL refuses to run as root.
    user = owner if os.geteuid() == 0 else None
    log = project.folder.parent / "postgresql.log"
    with answering(command, url, log, user, signal.SIGINT, grace=30):
        yield url
