"""docs/explanation/usual-recipes.md: each recipe fails as the page says, and a service does not.

The recipes are tried in small projects with only Alembic and SQLAlchemy, with the lines of
the page.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.databases import Server
from harness.plain_project import IMPORTS, MEET, MODELS, START, PlainProject, run_twice
from harness.processes import Completed, only
from harness.project import FIRST, Project
from harness.template import ROOT
from tools.pages import Block, blocks

pytestmark = pytest.mark.seconds(20)

PAGE = (ROOT / "docs/explanation/usual-recipes.md").read_text("utf-8")
SECTIONS = dict(part.split("\n", 1) for part in PAGE.split("\n## ")[1:])

IN_THE_FILE = "The database URL in alembic.ini"
IN_AN_OPTION = "set_main_option"
BESIDE_MIGRATIONS = "create_all beside migrations"
AT_START = "Migrations at the start of the application"
ON_DEVELOPMENT = "Tests on the development database"


def section(title: str) -> list[Block]:
    return list(blocks(SECTIONS[title]))


def recipe(title: str, language: str) -> str:
    """Return the lines that the page recommends against."""
    return next(block.text for block in section(title) if block.language == language)


def fails_as_shown(title: str, done: Completed) -> bool:
    """Return whether a command has printed what the page shows."""
    shown = only(block.text.strip() for block in section(title) if block.language == "text")
    return shown in done.stdout + done.stderr


@pytest.fixture
def plain(project: Project, tmp_path: Path) -> PlainProject:
    return PlainProject(tmp_path / "plain", project.path)


@pytest.fixture
def other(server: Server, tmp_path: Path) -> Iterator[str]:
    with server.empty_database(tmp_path) as url:
        yield url


def test_address_in_the_file_wins(
    plain: PlainProject, project: Project, server: Server, url: str, other: str
) -> None:
    key = recipe(IN_THE_FILE, "ini").partition("=")[0]
    plain.write(option=f"{key}= {other}")
    plain.upgrade(url)
    assert "users" in server.tables(other)
    assert not server.tables(url)

    project.alembic(url, "upgrade", "head")
    assert "users" in server.tables(url)
    assert key not in (project.folder / "alembic.ini").read_text("utf-8")


def test_percent_in_the_file(plain: PlainProject, url: str) -> None:
    plain.write(option=recipe(IN_THE_FILE, "ini").replace("secret", "p%40ss"))
    assert fails_as_shown(IN_THE_FILE, plain.upgrade(url, code=None))


def test_percent_in_an_option(
    plain: PlainProject, project: Project, server: Server, url: str, tmp_path: Path
) -> None:
    plain.write(line=recipe(IN_AN_OPTION, "python"))
    with server.awkward(url, tmp_path) as awkward:
        assert "%" in awkward
        done = plain.upgrade(awkward, code=None)
        assert fails_as_shown(IN_AN_OPTION, done)
        assert awkward in done.stderr

        project.alembic(awkward, "upgrade", "head")
        assert FIRST in project.alembic(awkward, "current").stdout


def test_option_without_percent_works(plain: PlainProject, server: Server, url: str) -> None:
    """If a test with a recipe fails, the recipe is the reason."""
    plain.write(line=recipe(IN_AN_OPTION, "python"))
    plain.upgrade(url)
    assert "users" in server.tables(url)


def test_tables_created_twice(plain: PlainProject, server: Server, url: str) -> None:
    plain.write(line=recipe(IN_AN_OPTION, "python"))
    plain.run(url, "python", "-c", create_all())
    assert server.tables(url) == {"users"}
    assert fails_as_shown(BESIDE_MIGRATIONS, plain.upgrade(url, code=None))


def test_create_all_adds_no_column(plain: PlainProject, url: str) -> None:
    """A column that is added to the model later is not added to the table."""
    plain.write(line=recipe(IN_AN_OPTION, "python"))
    plain.run(url, "python", "-c", create_all())
    models = plain.folder / "models.py"
    models.write_text(f"{MODELS}    phone: Mapped[str | None]\n", "utf-8")
    select = "with engine.connect() as c:\n    print(c.execute(User.__table__.select()))"
    done = plain.run(url, "python", "-c", f"{create_all()}\n{select}", code=None)
    assert "phone" in done.stderr


def create_all() -> str:
    """Return a program that creates the tables as the page shows it."""
    engine = "engine = create_engine(os.environ['DATABASE_URL'])"
    return f"{IMPORTS}\n{engine}\n{recipe(BESIDE_MIGRATIONS, 'python')}"


def test_service_refuses_create_all(copy: Project) -> None:
    main = copy.folder / "app/main.py"
    main.write_text(main.read_text("utf-8") + "\n# Base.metadata.create_all(engine)\n", "utf-8")
    assert "app/main.py: create-all:" in copy.make("db-lint", code=None).stdout


def test_service_creates_no_tables(project: Project, server: Server, url: str) -> None:
    program = (
        "from fastapi.testclient import TestClient\nfrom app.main import create_app\n"
        "with TestClient(create_app()) as client: print(client.get('/health/ready').status_code)"
    )
    done = project.run("python", "-c", program, env={"DATABASE_URL": url})
    assert done.stdout.splitlines()[-1] == "503"
    assert not server.tables(url)


def test_replicas_migrate_at_the_same_time(plain: PlainProject, url: str) -> None:
    plain.write(line=recipe(IN_AN_OPTION, "python"), before=MEET)
    plain.run(url, "alembic", "ensure_version")
    start = START.format(lifespan=recipe(AT_START, "python"))
    done = run_twice(plain.folder, plain.path, url, "python", "-c", start)
    succeeded, failed = sorted(done, key=lambda process: process.returncode)
    assert (succeeded.returncode, failed.returncode) == (0, 1), done
    assert fails_as_shown(AT_START, failed), failed.stderr


def test_migrators_of_a_service_wait(project: Project, server: Server, url: str) -> None:
    for done in run_twice(project.folder, project.path, url, "alembic", "upgrade", "head"):
        assert done.returncode == 0, done
    assert "users" in server.tables(url)


def test_tests_delete_the_tables_of_development(
    plain: PlainProject, server: Server, url: str
) -> None:
    plain.write(line=recipe(IN_AN_OPTION, "python"))
    plain.upgrade(url)
    server.query(url, "INSERT INTO users (id, name) VALUES (1, 'precious')")
    fixture = recipe(ON_DEVELOPMENT, "python")
    imports = f"{IMPORTS}\nfrom collections.abc import Iterator\n"
    text = f"{imports}\n{fixture}\n\ndef test_nothing():\n    pass\n"
    (plain.folder / "test_plain.py").write_text(text, "utf-8")
    plain.run(url, "pytest", "test_plain.py")
    assert "users" not in server.tables(url)


def test_tests_of_a_service_leave_it_alone(copy: Project, server: Server, url: str) -> None:
    copy.make("db-migrate")
    server.query(url, "CREATE TABLE precious (id integer)")
    copy.run("pytest", "tests/test_users.py", "-k", "filters", env={"DATABASE_URL": url})
    assert "precious" in server.tables(url)
    same = {"DATABASE_URL": url, "TEST_DATABASE_URL": url}
    done = copy.run("pytest", "--collect-only", env=same, code=None)
    assert fails_as_shown(ON_DEVELOPMENT, done)
