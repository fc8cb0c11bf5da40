"""Access to the database of a project from outside of it: a class for each kind of server."""

import contextlib
import itertools
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import quote, unquote, urlsplit

import psycopg
from psycopg import sql

from harness.processes import DEADLINE, only, run, wait_for
from harness.project import Project

NUMBERS = itertools.count(1)
# A user name and password with characters that URLs, shells, configparser or libpq give a meaning.
AWKWARD = "p%a@s:s/w?r#d&1 ü+%41'$x"


class Server(Protocol):
    """The database server of a project, as tests use it."""

    # URLs of no database, with the password `s3cret` if the database has passwords.
    UNREACHABLE: ClassVar[str]
    UNREADABLE: ClassVar[str]
    # The message of migrations about UNREACHABLE, as a regular expression.
    REFUSED: ClassVar[str]
    # The URL of a database on another machine.
    REMOTE: ClassVar[str | None]
    # The messages of a migrator that waits for another process, and that gives up after 1 second.
    WAITING: ClassVar[str]
    TIRED: ClassVar[str]

    def __init__(self, project: Project) -> None: ...
    def empty_database(self, folder: Path) -> contextlib.AbstractContextManager[str]: ...
    def query(self, url: str, statement: str) -> list[tuple[Any, ...]]: ...
    def name(self, url: str) -> str: ...
    def schema(self, url: str) -> list[Any]: ...
    def tables(self, url: str) -> set[str]: ...
    def settle(self, url: str) -> None: ...
    def run_script(self, url: str, script: str) -> None: ...
    def writes_held(self, url: str) -> contextlib.AbstractContextManager[None]: ...
    def migrating(self, url: str) -> contextlib.AbstractContextManager[None]: ...
    def awkward(self, url: str, folder: Path) -> contextlib.AbstractContextManager[str]: ...


class PostgreSQL:
    UNREACHABLE = "postgresql://ada:s3cret@127.0.0.1:9/orders"
    UNREADABLE = "oracle://ada:s3cret@127.0.0.1/orders"
    REFUSED = (
        r"FAILED: cannot connect to postgresql://ada:\*\*\*@127\.0\.0\.1:9/orders: .*;"
        " `make db-start` starts the development database"
    )
    REMOTE = "postgresql://ada:s3cret@db.example.com/orders"
    WAITING = "trying again in 0.5 seconds: another process is migrating"
    TIRED = "FAILED: pg_stat_activity shows what blocks it: another process is migrating"
    SCHEMA = """
        SELECT table_name, column_name, data_type, character_maximum_length::text, is_nullable,
            column_default
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT tablename, indexname, indexdef, '', '', ''
        FROM pg_indexes WHERE schemaname = 'public'
        ORDER BY 1, 2, 3
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.url = project.environment_file["DATABASE_URL"]

    @contextlib.contextmanager
    def empty_database(self, _folder: Path) -> Iterator[str]:
        name = f"test_{next(NUMBERS)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            yield re.sub(r"(@[^/]*/)[^?]*", rf"\g<1>{name}", self.url)
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))

    def query(self, url: str, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(url) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def name(self, url: str) -> str:
        return str(self.query(url, "SELECT current_database()")[0][0])

    def schema(self, url: str) -> list[Any]:
        return self.query(url, self.SCHEMA)

    def tables(self, url: str) -> set[str]:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return {name for (name,) in self.query(url, query)}

    def settle(self, url: str) -> None:
        """Wait until the server has noticed that a process has died, and rolled back its work."""
        query = (
            "SELECT 1 FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        wait_for(lambda: not self.query(url, query), "all connections are closed")

    @contextlib.contextmanager
    def migrating(self, url: str) -> Iterator[None]:
        """Hold the lock that migrations take."""
        key = "hashtextextended('public.alembic_version', 0)"
        with psycopg.connect(url) as connection:
            connection.execute(f"SELECT pg_advisory_lock({key})".encode())
            yield

    @contextlib.contextmanager
    def awkward(self, url: str, _folder: Path) -> Iterator[str]:
        """Yield the URL for a user whose name and password are AWKWARD."""
        name = sql.Identifier(AWKWARD)
        access = self.project.folder / ".postgres/pg_hba.conf"
        before = access.read_text("utf-8")
        with psycopg.connect(self.url, autocommit=True) as connection:
            create = sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}")
            with contextlib.suppress(psycopg.errors.DuplicateObject):
                connection.execute(create.format(name, sql.Literal(AWKWARD)))
            access.write_text(f'local all "{AWKWARD}" scram-sha-256\n{before}', "utf-8")
            connection.execute("SELECT pg_reload_conf()")
            try:
                word = quote(AWKWARD, safe="")
                yield re.sub(r"//[^@]*@", lambda _: f"//{word}:{word}@", url)
            finally:
                access.write_text(before, "utf-8")
                connection.execute("SELECT pg_reload_conf()")

    def run_script(self, url: str, script: str) -> None:
        """Run a script in psql, as an administrator would; stop at the first error."""
        psql = only((self.project.folder / ".venv").rglob("pginstall/bin/psql"))
        command = [psql, "-v", "ON_ERROR_STOP=1", "-X", "-q", "-f", "-", url]
        run(*command, cwd=self.project.folder, stdin=script)

    @contextlib.contextmanager
    def writes_held(self, url: str) -> Iterator[None]:
        with psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE users IN EXCLUSIVE MODE")
            yield


class SQLite:
    UNREACHABLE = "sqlite:////proc/nothing.db"
    UNREADABLE = "oracle://ada:s3cret@127.0.0.1/orders"
    REFUSED = "FAILED: cannot use /proc/nothing.db: unable to open database file"
    REMOTE = None
    WAITING = "another process is writing; waiting up to 1 seconds"
    TIRED = "FAILED: cannot use .*: database is locked"

    def __init__(self, project: Project) -> None:
        self.project = project

    @contextlib.contextmanager
    def empty_database(self, folder: Path) -> Iterator[str]:
        yield f"sqlite:///{folder / f'test_{next(NUMBERS)}.db'}"

    def query(self, url: str, statement: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(self.connect(url)) as connection, connection:
            return connection.execute(statement).fetchall()

    def name(self, url: str) -> str:
        return Path(unquote(url)).name

    def schema(self, url: str) -> list[Any]:
        query = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY 1, 2"
        return [(kind, name, parts(text)) for kind, name, text in self.query(url, query)]

    def run_script(self, url: str, script: str) -> None:
        with contextlib.closing(self.connect(url)) as connection:
            connection.executescript(script)

    @contextlib.contextmanager
    def writes_held(self, url: str) -> Iterator[None]:
        with contextlib.closing(self.connect(url)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    def tables(self, url: str) -> set[str]:
        query = "SELECT name FROM sqlite_schema WHERE type = 'table'"
        return {name for (name,) in self.query(url, query)}

    def settle(self, url: str) -> None:
        """Do nothing: the next process that opens the file rolls back what was not committed."""

    def migrating(self, url: str) -> contextlib.AbstractContextManager[None]:
        return self.writes_held(url)

    @contextlib.contextmanager
    def awkward(self, _url: str, folder: Path) -> Iterator[str]:
        yield f"sqlite:///{folder}/{quote(AWKWARD.replace('/', ''), safe='')}.db"

    def connect(self, url: str) -> sqlite3.Connection:
        file = self.project.folder / url.removeprefix("sqlite:///")
        # While a process writes, others wait for the lock, on a busy machine for long.
        return sqlite3.connect(file, timeout=DEADLINE)


def shows_password(url: str, text: str) -> bool:
    """Return whether a text contains the password of a URL, if that has one."""
    password = urlsplit(url).password
    return password is not None and password in text


def parts(statement: str) -> list[str]:
    """Return the parts of a CREATE statement, to compare it with that of a table copied by Alembic.

    Such a copy may change the order, quotes around names, and parentheses around defaults.
    """
    plain = re.sub(r"DEFAULT \((\w+)\)", r"DEFAULT \1", statement.replace('"', "").strip())
    # ALTER TABLE appends a column to the last line, after a comma.
    return sorted(re.split(r"[\s,]*\n\s*|,\s+(?![^(]*\))", plain.removesuffix(")").rstrip()))


SERVERS: dict[str, type[Server]] = {"postgresql": PostgreSQL, "sqlite": SQLite}


def server_of(project: Project) -> Server:
    return SERVERS[project.database](project)
