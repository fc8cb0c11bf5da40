"""A second PostgreSQL that follows the one of a project, or another one that can be stopped."""

import contextlib
import os
import pwd
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
from harness.programs import answering
from harness.project import Project
from harness.servers import free_port


@contextlib.contextmanager
def following(project: Project, url: str) -> Iterator[str]:
    """Yield the address of the same database on a standby."""
    folder = only(parse_qs(urlsplit(url).query)["host"])
    programs = programs_of(project)
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


def programs_of(project: Project) -> Path:
    """Return the folder of the newest version that the package carries, which is the one that runs."""
    *_, programs = sorted((project.folder / ".venv").resolve().rglob("pginstall*/bin"))
    return programs


@dataclass(frozen=True)
class Pair:
    """A primary and its standby, each on a loopback port of its own."""

    primary: str
    standby: str
    folder: Path

    def url(self, parameters: str) -> str:
        hosts = ",".join(url.partition("@")[2].partition("/")[0] for url in self.servers)
        return f"postgresql://postgres@{hosts}/postgres{parameters}"

    @property
    def servers(self) -> tuple[str, str]:
        return self.primary, self.standby

    def wait_for_standby(self) -> None:
        """Return when the standby has all that was committed."""
        behind = "SELECT 1 FROM pg_stat_replication WHERE replay_lsn < pg_current_wal_lsn()"
        with psycopg.connect(self.primary, autocommit=True) as connection:
            wait_for(lambda: not connection.execute(behind).fetchone(), "the standby is there")

    def stop_primary(self) -> None:
        """Stop it as a crash would: its connections break, and nothing is handed over."""
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
    """Run a primary and a standby that follows it."""
    programs = programs_of(project)
    folder = Path(tempfile.mkdtemp(prefix="pair-"))
    data = project.folder / ".postgres"
    owner = pwd.getpwuid(data.stat().st_uid)[0]
    user = owner if os.geteuid() == 0 else None
    ports = [free_port(), free_port()]
    primary, standby = (f"postgresql://postgres@127.0.0.1:{port}/postgres" for port in ports)
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
        shutil.chown(folder, owner)
        run("initdb", "-D", folder / "primary", *make)
        with server("primary", ports[0], primary):
            run("pg_basebackup", "-D", folder / "standby", *follow)
            with server("standby", ports[1], standby):
                yield Pair(primary, standby, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
