"""`make db-reset` deletes a database of this machine only, and only the one that is migrated."""

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.databases import Server
from harness.processes import Environment, clean_environment, lines_of, only
from harness.project import Project
from harness.servers import free_port

ON_POSTGRESQL = pytest.mark.parametrize("project", ["postgresql"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("project", ["sqlite"], indirect=True)


@pytest.fixture
def precious(copy: Project, server: Server, url: str) -> Iterator[Project]:
    """A project whose database has a table, which must still exist afterwards."""
    server.query(url, "CREATE TABLE precious (id integer)")
    yield copy
    assert server.query(url, "SELECT count(*) FROM precious") == [(0,)]


def reset(project: Project, name: str, code: int | None = 0, **settings: str) -> str:
    """Run what `make db-reset confirm=...` runs; return the line that it ends with."""
    environment = {"confirm": name, **settings}
    done = project.script(f"development.{project.database}", "reset", env=environment, code=code)
    if done.returncode:
        return only(lines_of(done.stderr))
    return only(done.stdout.splitlines())


def socket_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["host"][0]


# URLs that lead to the database in an unusual way, or to another one, and what is wrong with them.
ADDRESSES = [
    ("{url}&hostaddr=127.0.0.1", "hostaddr"),
    ("{url}&service=orders", "service"),
    ("{url},/run/postgresql", "several servers"),
    ("postgresql://postgres@localhost/{name}?host=db.example.com", "db.example.com"),
    ("postgresql://postgres@localhost,db.example.com/{name}", "db.example.com|several"),
    ("postgresql://postgres@db.example.com/{name}", "db.example.com"),
    ("postgresql://postgres@127.0.0.2/{name}", "127.0.0.2"),
    ("postgresql://postgres@/?host={folder}", "no database"),
    ("postgresql://postgres@/postgres?host={folder}", "postgres belongs to the server"),
]


@ON_POSTGRESQL
@pytest.mark.parametrize(("address", "reason"), ADDRESSES)
def test_unclear_addresses_are_refused(
    precious: Project, server: Server, url: str, address: str, reason: str
) -> None:
    name = server.name(url)
    address = address.format(url=url, name=name, folder=socket_of(url))
    line = reset(precious, name, None, DATABASE_URL=address)
    assert re.search(reason, line), line


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "variable", ["PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE", "PGSERVICEFILE", "PGDATABASE"]
)
def test_variables_of_libpq_are_refused(
    precious: Project, server: Server, url: str, variable: str
) -> None:
    name = server.name(url)
    settings = {"DATABASE_URL": f"postgresql://postgres@/{name}", variable: socket_of(url)}
    assert reset(precious, name, None, **settings).startswith(f"refused: {variable} is set")


@contextlib.contextmanager
def tunnel(path: str) -> Iterator[int]:
    """Yield a port of this machine whose connections go to a socket of PostgreSQL."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for data in iter(lambda: source.recv(65536), b""):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(path)
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", free_port())) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


@ON_POSTGRESQL
def test_end_of_a_tunnel_is_refused(precious: Project, server: Server, url: str) -> None:
    """At localhost there may be ssh, kubectl or PgBouncer: the server sees another client."""
    name = server.name(url)
    with tunnel(f"{socket_of(url)}/.s.PGSQL.5432") as port:
        address = f"postgresql://postgres@localhost:{port}/{name}"
        assert server.query(address, "SELECT 1") == [(1,)]
        assert "leads to a tunnel" in reset(precious, name, None, DATABASE_URL=address)


@ON_POSTGRESQL
def test_server_that_does_not_answer_is_one_line(copy: Project, server: Server, url: str) -> None:
    address = f"postgresql://postgres:s3cret@localhost:{free_port()}/orders"
    line = reset(copy, "orders", None, DATABASE_URL=address)
    assert line.startswith("cannot reset postgresql://postgres:***@localhost:")


def test_another_database_to_migrate_is_refused(
    precious: Project, server: Server, url: str, tmp_path: Path
) -> None:
    """Otherwise one is deleted and the other one migrated."""
    (tmp_path / "other").mkdir()
    with server.empty_database(tmp_path / "other") as other:
        for settings in (
            {"MIGRATION_DATABASE_URL": other},
            {"DATABASE_URL": other, "MIGRATION_DATABASE_URL": url},
        ):
            deleted = settings.get("DATABASE_URL", url)
            line = reset(precious, server.name(deleted), None, **settings)
            assert line.startswith("refused: DATABASE_URL is "), line
            line = reset(precious, server.name(other), None, **settings)
            assert line.startswith("refused: DATABASE_URL is "), line


def test_same_database_in_other_words(copy: Project, server: Server, url: str) -> None:
    server.query(url, "CREATE TABLE precious (id integer)")
    words = {
        "postgresql": lambda: url.replace("postgresql://", "postgres://") + "&application_name=x",
        "sqlite": lambda: url.replace("sqlite:///", "sqlite+aiosqlite:///"),
    }
    line = reset(copy, server.name(url), MIGRATION_DATABASE_URL=words[copy.database]())
    assert "deleted" in line
    assert "precious" not in str(server.schema(url))


@ON_SQLITE
def test_link_is_refused(precious: Project, url: str, tmp_path: Path) -> None:
    """Deleting it would leave the data where it is, which the name does not show."""
    link = tmp_path / "link.db"
    link.symlink_to(urlsplit(url).path[1:])
    line = reset(precious, "link.db", None, DATABASE_URL=f"sqlite:///{link}")
    assert line.startswith(f"refused: {link} is a link to ")


@ON_SQLITE
def test_other_files_are_refused(copy: Project, tmp_path: Path) -> None:
    text = copy.folder / "README.md"
    before = text.read_bytes()
    line = reset(copy, "README.md", None, DATABASE_URL="sqlite:///README.md")
    assert line == f"refused: {text} is not a SQLite database"
    assert text.read_bytes() == before
    line = reset(copy, "app", None, DATABASE_URL="sqlite:///app")
    assert line == f"refused: {copy.folder / 'app'} is not a file"


def test_interrupt_at_the_question_is_one_line(copy: Project, server: Server, url: str) -> None:
    """Ctrl-C at the prompt for the name."""
    copy.make("db-migrate")
    command = ["python", "-m", f"scripts.development.{copy.database}", "reset"]
    program = shutil.which(command[0], path=copy.path)
    assert program
    environment: Environment = clean_environment({"PATH": copy.path, "PYTHONUNBUFFERED": "1"})
    process = subprocess.Popen(
        [program, *command[1:]],
        cwd=copy.folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    question = f"Type {server.name(url)} to continue: "
    shown = ""
    while not shown.endswith(question):
        character = process.stdout.read(1)
        assert character, f"ended without a question: {process.communicate()}"
        shown += character
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "\nnothing was deleted\n")
    copy.make("db-check")
