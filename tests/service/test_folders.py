"""Where a service may be: folders with awkward names, moved, copied, or closed to other users."""

import dataclasses
import itertools
import os
import shutil
import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from harness.project import Project, set_up, stopped
from harness.template import DATABASES, render
from harness.working_copy import add_file, commit, git, init_repository

pytestmark = pytest.mark.seconds(20)

NOTE = '''"""Notes."""

from app.models.base import Base
from kit.models import UUIDKey


class Note(UUIDKey, Base):
    __tablename__ = "notes"
'''
# Folders that a missing quote, an ASCII codec or a socket's length limit would break.
FOLDERS = {"blank": "My Projects/größe 주문", "deep": "/".join(["a" * 50] * 4)}
# SQLite has no socket.
CASES = [*itertools.product(DATABASES, ["blank"]), ("postgresql", "deep")]


@pytest.mark.slow
@pytest.mark.parametrize(("database", "folder"), CASES)
def test_any_folder_will_do(source: Path, tmp_path: Path, database: str, folder: str) -> None:
    """With names of a service that SQL would take for words of its own, or of full length."""
    service = tmp_path / FOLDERS[folder] / "here"
    name = {"blank": "table", "deep": "o" * 40}[folder]
    render(source, service, {"database": database, "service_name": name})
    service.parent.chmod(0o700)
    with (
        set_up(service, database) as project,
        project.serve("make", "run", log=tmp_path / "log") as server,
    ):
        project.make("db-check")
        assert server.answers()
        # A user who reaches the socket is a superuser.
        url = project.environment_file["DATABASE_URL"]
        for folder_of_socket in parse_qs(urlsplit(url).query).get("host", []):
            path = Path(folder_of_socket, ".s.PGSQL.5432")
            assert mode(path) == mode(path.parent) == 0o700
    # Other users still cannot pass through a folder that was closed to them.
    assert not service.parent.stat().st_mode & 0o007


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_revisions_in_a_folder_of_their_own(copy: Project) -> None:
    """As in alembic/versions/ of an adopted project: alembic.ini names the folder."""
    init_repository(copy)
    folder = copy.folder / "alembic/versions"
    shutil.copytree(copy.versions, folder)
    shutil.rmtree(copy.versions)
    ini = copy.folder / "alembic.ini"
    text = ini.read_text("utf-8")
    places = "[alembic]\nversion_locations = %(here)s/alembic/versions"
    ini.write_text(text.replace("[alembic]", places, 1), "utf-8")
    commit(copy)
    git(copy, "switch", "--quiet", "--create", "branch")
    add_file(copy, "app/models/note.py", NOTE)
    with (copy.folder / "app/models/__init__.py").open("a") as file:
        file.write("from app.models.note import Note as Note\n")
    copy.make("db-migrate")
    copy.make("db-revision", "m=notes")
    assert len(list(folder.glob("*.py"))) == 2
    assert "new revisions since main: 1" in copy.make("db-lint").stdout
    copy.make("db-migrate")
    assert "notes (head)" in copy.make("db-status").stdout
    for target in ("db-check", "db-rebase", "db-history"):
        copy.make(target)
    copy.run("pytest", "tests/test_checks.py")


@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_moved_folder_brings_its_server_along(copy: Project, tmp_path: Path) -> None:
    """The one that was started elsewhere is stopped; that of a folder that was copied is not."""
    environment = copy.folder / ".env"
    environment.write_text("DATABASE_URL=\n", "utf-8")

    def start(project: Project) -> str:
        project.make("db-start")
        url = project.environment_file["DATABASE_URL"]
        with psycopg.connect(url):
            return url

    with stopped(copy):
        first = start(copy)
        second = dataclasses.replace(copy, folder=tmp_path / "second")
        shutil.copytree(copy.folder, second.folder, symlinks=True, ignore=SOCKETS)
        give_to_owner(copy.folder / ".postgres", second.folder / ".postgres")
        with stopped(second):
            assert start(second) != first
            psycopg.connect(first).close()
        moved = dataclasses.replace(copy, folder=copy.folder.rename(tmp_path / "moved"))
        with stopped(moved):
            assert start(moved) != first


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


SOCKETS = shutil.ignore_patterns(".s.PGSQL*")


def give_to_owner(original: Path, copied: Path) -> None:
    """Do what `cp -a` does, so that the server of a copy can read its files as well."""
    for path in (original, *original.rglob("*")):
        name = copied / path.relative_to(original)
        if name.exists():
            os.chown(name, path.stat().st_uid, path.stat().st_gid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")
@pytest.mark.parametrize("project", ["postgresql"], indirect=True)
def test_folders_are_opened_with_a_warning(copy: Project, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    moved = dataclasses.replace(copy, folder=copy.folder.rename(closed / "orders"))
    (moved.folder / ".env").write_text("DATABASE_URL=\n", "utf-8")
    with stopped(moved):
        warnings = moved.make("db-start").stderr
        assert f"warning: opened {closed} to " in warnings
        assert not closed.stat().st_mode & 0o007, "open to all users"
        assert moved.make("db-start").stderr == ""
