"""docs/explanation/usual-recipes.md: each recipe fails as the page says, and a service does not.

The recipes are tried in small projects with nothing but Alembic and SQLAlchemy, with the lines of
the page.
"""

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.databases import Server
from harness.processes import Completed, clean_environment, only, run
from harness.project import FIRST, Project
from harness.template import ROOT
from tools.pages import Block, blocks

pytestmark = pytest.mark.seconds(20)

PAGE = (ROOT / "docs/explanation/usual-recipes.md").read_text("utf-8")
SECTIONS = dict(part.split("\n", 1) for part in PAGE.split("\n## ")[1:])

INI = """
[alembic]
script_location = %(here)s/migrations
prepend_sys_path = %(here)s
path_separator = os
{option}
"""
# As `alembic init` writes it, without what this does not need.
ENV = """
import os

from alembic import context
from sqlalchemy import engine_from_config, pool

config = context.config
{line}
section = config.get_section(config.config_ini_section)
connectable = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
with connectable.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
"""
REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "aaaaaaaaaaa1"
down_revision = None


def upgrade():
    {before}
    op.create_table(
        "users", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String)
    )


def downgrade():
    op.drop_table("users")
"""
HEAD = """
import os

import pytest
from sqlalchemy import create_engine

from models import Base, User
"""
# Two that have come this far have both seen that the revision is missing.
MEET = """
    import os, pathlib, time
    pathlib.Path(f"here-{os.getpid()}").touch()
    end = time.monotonic() + 60
    while len(list(pathlib.Path().glob("here-*"))) < 2 and time.monotonic() < end:
        time.sleep(0.01)
"""
# Without the server's part of FastAPI: what its lifespan does is what counts.
START = """
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alembic import command
from alembic.config import Config
from fastapi import FastAPI

{lifespan}

async def main():
    async with lifespan(FastAPI()):
        pass

asyncio.run(main())
"""

Plain = Callable[..., Path]


def recipe(title: str, language: str) -> str:
    """Return the lines that the page recommends against."""
    return next(block.text for block in section(title) if block.language == language)


def said(title: str, done: Completed) -> bool:
    """Return whether a command has printed what the page says that it prints."""
    text = only([block.text.strip() for block in section(title) if block.language == "text"])
    return text in done.stdout + done.stderr


def section(title: str) -> list[Block]:
    return list(blocks(SECTIONS[title]))


@pytest.fixture
def plain(tmp_path: Path) -> Plain:
    """Return a function that writes a small project with one revision."""

    def write(option: str = "", line: str = "", before: str = "pass") -> Path:
        folder = tmp_path / "plain"
        (folder / "migrations/versions").mkdir(parents=True)
        (folder / "alembic.ini").write_text(INI.format(option=option), "utf-8")
        (folder / "migrations/env.py").write_text(ENV.format(line=line), "utf-8")
        (folder / "migrations/versions/first.py").write_text(
            REVISION.replace("{before}", before.strip()), "utf-8"
        )
        (folder / "models.py").write_text(MODELS, "utf-8")
        return folder

    return write


def call(
    folder: Path, project: Project, url: str, *command: str, code: int | None = 0
) -> Completed:
    """Run a command in a small project, with the packages of a service."""
    environment = {"PATH": project.path, "DATABASE_URL": url, "PYTHONPATH": str(folder)}
    return run(*command, cwd=folder, env=environment, code=code)


@pytest.fixture
def other(server: Server, tmp_path: Path) -> Iterator[str]:
    with server.empty_database(tmp_path) as made:
        yield made


IN_THE_FILE = "The address in alembic.ini"


def test_address_in_the_file_wins(
    plain: Plain, project: Project, server: Server, url: str, other: str
) -> None:
    key = recipe(IN_THE_FILE, "ini").partition("=")[0]
    folder = plain(option=f"{key}= {other}")
    call(folder, project, url, "alembic", "upgrade", "head")
    assert "users" in server.tables(other)
    assert not server.tables(url)

    project.alembic(url, "upgrade", "head")
    assert "users" in server.tables(url)
    assert key not in (project.folder / "alembic.ini").read_text("utf-8")


def test_percent_in_the_file(plain: Plain, project: Project, url: str) -> None:
    line = recipe(IN_THE_FILE, "ini").replace("secret", "p%40ss")
    done = call(plain(option=line), project, url, "alembic", "upgrade", "head", code=None)
    assert said(IN_THE_FILE, done)


def test_percent_in_an_option(
    plain: Plain, project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    line = recipe("set_main_option", "python")
    with server.awkward(url, tmp_path) as awkward:
        assert "%" in awkward
        folder = plain(line=line)
        done = call(folder, project, awkward, "alembic", "upgrade", "head", code=None)
        assert said("set_main_option", done)
        assert awkward in done.stderr

        project.alembic(awkward, "upgrade", "head")
        assert FIRST in project.alembic(awkward, "current").stdout


def test_option_without_percent_works(
    plain: Plain, project: Project, server: Server, url: str
) -> None:
    """So that what fails in these projects is the recipe, rather than the rest of them."""
    folder = plain(line=recipe("set_main_option", "python"))
    call(folder, project, url, "alembic", "upgrade", "head")
    assert "users" in server.tables(url)


BESIDE = "create_all beside migrations"


def test_tables_made_twice(
    plain: Plain, project: Project, copy: Project, server: Server, url: str
) -> None:
    folder = plain(line=recipe("set_main_option", "python"))
    make = f"{HEAD}\nengine = create_engine(os.environ['DATABASE_URL'])\n{recipe(BESIDE, 'python')}"
    call(folder, project, url, "python", "-c", make)
    assert server.tables(url) == {"users"}
    assert said(BESIDE, call(folder, project, url, "alembic", "upgrade", "head", code=None))

    # A column that is added to the model later is not added to the table.
    models = folder / "models.py"
    models.write_text(f"{MODELS}    phone: Mapped[str | None]\n", "utf-8")
    ask = f"{make}\nwith engine.connect() as one:\n    print(one.execute(User.__table__.select()))"
    assert "phone" in call(folder, project, url, "python", "-c", ask, code=None).stderr

    main = copy.folder / "app/main.py"
    main.write_text(main.read_text("utf-8") + "\n# Base.metadata.create_all(engine)\n", "utf-8")
    assert "app/main.py: create-all:" in copy.make("db-lint", code=None).stdout


def test_service_makes_no_tables(project: Project, server: Server, url: str) -> None:
    ask = (
        "from fastapi.testclient import TestClient\nfrom app.main import create_app\n"
        "with TestClient(create_app()) as client: print(client.get('/health/ready').status_code)"
    )
    done = project.run("python", "-c", ask, env={"DATABASE_URL": url})
    assert done.stdout.splitlines()[-1] == "503"
    assert not server.tables(url)


AT_START = "Migrations at the start of the application"


def together(folder: Path, project: Project, url: str, *command: str) -> list[Completed]:
    """Run a command in several processes at once."""

    def one(_number: int) -> Completed:
        environment = {"PATH": project.path, "DATABASE_URL": url}
        return subprocess.run(
            command,
            cwd=folder,
            env=clean_environment(environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    with ThreadPoolExecutor() as pool:
        return list(pool.map(one, range(2)))


def test_replicas_migrate_at_once(plain: Plain, project: Project, url: str) -> None:
    folder = plain(line=recipe("set_main_option", "python"), before=MEET)
    call(folder, project, url, "alembic", "ensure_version")
    start = START.format(lifespan=recipe(AT_START, "python"))
    done = sorted(
        together(folder, project, url, "python", "-c", start), key=lambda one: one.returncode
    )
    assert [one.returncode for one in done] == [0, 1], done
    assert said(AT_START, done[1]), done[1].stderr


def test_migrators_of_a_service_wait(project: Project, server: Server, url: str) -> None:
    done = together(project.folder, project, url, "alembic", "upgrade", "head")
    assert [one.returncode for one in done] == [0, 0], done
    assert "users" in server.tables(url)


ON_DEVELOPMENT = "Tests on the development database"


def test_tests_delete_what_they_find(
    plain: Plain, project: Project, server: Server, url: str
) -> None:
    folder = plain(line=recipe("set_main_option", "python"))
    call(folder, project, url, "alembic", "upgrade", "head")
    server.query(url, "INSERT INTO users (id, name) VALUES (1, 'precious')")
    fixture = recipe(ON_DEVELOPMENT, "python")
    text = f"{HEAD}\nfrom collections.abc import Iterator\n\n{fixture}\n\ndef test_nothing():\n    pass\n"
    (folder / "test_plain.py").write_text(text, "utf-8")
    call(folder, project, url, "pytest", "test_plain.py")
    assert "users" not in server.tables(url)


def test_tests_of_a_service_leave_it_alone(copy: Project, server: Server, url: str) -> None:
    copy.make("db-migrate")
    server.query(url, "CREATE TABLE precious (id integer)")
    copy.run("pytest", "tests/test_users.py", "-k", "filters", env={"DATABASE_URL": url})
    assert "precious" in server.tables(url)
    same = {"DATABASE_URL": url, "TEST_DATABASE_URL": url}
    assert said(ON_DEVELOPMENT, copy.run("pytest", "--collect-only", env=same, code=None))
