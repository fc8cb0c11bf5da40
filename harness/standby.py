"""A standby of a project's PostgreSQL, and a primary with a standby that tests can stop."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import psycopg

from harness.processes import only, wait_for
from harness.programs import answering, user_for
from harness.project import Project
from harness.servers import free_port


@contextlib.contextmanager
def following(project: Project, url: str) -> Iterator[str]:
    """Yield the URL of the same database on a standby."""
    socket_folder = only(parse_qs(urlsplit(url).query)["host"])
    programs = programs_of(project)
    # PostgreSQL refuses to run as root, and other users cannot open the socket's folder.
    user = user_for(Path(socket_folder))
    folder = Path(tempfile.mkdtemp(prefix="standby-"))
    try:
        shutil.chown(folder, Path(socket_folder).owner())
        data = folder / "data"
        copy = [programs / "pg_basebackup", "-D", data, "-d", url, "-R", "-c", "fast", "--no-sync"]
        subprocess.run(copy, check=True, capture_output=True, cwd=folder, user=user)
        settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
        command = [programs / "postgres", "-D", data, *settings]
        standby = url.replace(quote(socket_folder), str(folder)).replace(socket_folder, str(folder))
        # SIGINT is a fast shutdown, which does not wait for clients to disconnect.
        with answering(command, standby, folder / "log", user, signal.SIGINT, grace=30):
            yield standby
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def programs_of(project: Project) -> Path:
    """Return the folder with the programs of the newest PostgreSQL in the project's package."""
    *_, programs = sorted((project.folder / ".venv").resolve().rglob("pginstall*/bin"))
    return programs


@dataclass(frozen=True)
class Pair:
    """The URLs of a primary and its standby, each on a loopback port."""

    primary: str
    standby: str
    folder: Path

    def url(self, parameters: str) -> str:
        """Return a URL with the hosts of both servers."""
        primary, standby = urlsplit(self.primary).port, urlsplit(self.standby).port
        hosts = f"127.0.0.1:{primary},127.0.0.1:{standby}"
        return f"postgresql://postgres@{hosts}/postgres{parameters}"

    def wait_for_standby(self) -> None:
        """Wait until the standby has replayed everything that was committed."""
        behind = "SELECT 1 FROM pg_stat_replication WHERE replay_lsn < pg_current_wal_lsn()"
        with psycopg.connect(self.primary, autocommit=True) as connection:
            wait_for(lambda: not connection.execute(behind).fetchone(), "the standby has caught up")

    def stop_primary(self) -> None:
        """Stop it like a crash: connections break, and the standby receives nothing."""
        pid = int((self.folder / "primary/postmaster.pid").read_text("utf-8").split()[0])
        os.kill(pid, signal.SIGQUIT)
        wait_for(lambda: not answers(self.primary), "the primary is down")

    def promote_standby(self) -> None:
        with psycopg.connect(self.standby, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")


def answers(url: str) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(url).close()
        return True
    return False


@contextlib.contextmanager
def pair(project: Project) -> Iterator[Pair]:
    """Run a primary and a standby of it."""
    programs = programs_of(project)
    folder = Path(tempfile.mkdtemp(prefix="pair-"))
    data = project.folder / ".postgres"
    user = user_for(data)
    primary_port, standby_port = free_port(), free_port()
    primary = f"postgresql://postgres@127.0.0.1:{primary_port}/postgres"
    standby = f"postgresql://postgres@127.0.0.1:{standby_port}/postgres"
    make = ["-U", "postgres", "-A", "trust", "--no-sync"]
    follow = ["-d", primary, "-R", "-c", "fast", "--no-sync"]

    def server(name: str, port: int, url: str) -> contextlib.AbstractContextManager[None]:
        options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        command = [programs / "postgres", "-D", folder / name, *options, "-k", ""]
        return answering(command, url, folder / f"{name}.log", user, signal.SIGINT, grace=30)

    def run(program: str, *arguments: str | Path) -> None:
        command = [programs / program, *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, user=user)

    try:
        shutil.chown(folder, data.owner())
        run("initdb", "-D", folder / "primary", *make)
        with server("primary", primary_port, primary):
            run("pg_basebackup", "-D", folder / "standby", *follow)
            with server("standby", standby_port, standby):
                yield Pair(primary, standby, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
