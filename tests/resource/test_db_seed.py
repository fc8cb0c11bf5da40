"""`make db-seed` inserts the rows of seeds.py once, into databases for development only."""

import shutil

import pytest

from harness.databases import Server
from harness.output import messages_of
from harness.processes import Completed
from harness.project import Project

pytestmark = pytest.mark.slow

TWO_USERS = "inserted: 2 users\n"
COUNT = "SELECT count(*) FROM users"
# Prints whether the database is one for development.
RECOGNIZE = """
from scripts.development.{database} import is_development_database
print(is_development_database())
"""
DEVELOPMENT = {"ORDERS_DEVELOPMENT": "true"}
# Adds a user, and then another with the same address.
TWICE = """
from app.models import User


async def seed(session):
    for name in ("Ada", "Bob"):
        session.add(User(email="ada@example.com", name=name))
"""


@pytest.fixture
def orders(copy: Project, url: str) -> Project:
    """Return a project whose database is migrated."""
    copy.alembic(url, "upgrade", "head")
    return copy


def error_of(done: Completed) -> str:
    """Return the single line of an error, without that of make."""
    lines = messages_of(done.stderr)
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_rows_are_inserted_once(orders: Project, server: Server, url: str) -> None:
    assert orders.make("db-seed", env=DEVELOPMENT).stdout == TWO_USERS
    again = orders.make("db-seed", env=DEVELOPMENT)
    assert again.stdout == "nothing to do: no row is missing\n"
    assert server.query(url, COUNT) == [(2,)]


def test_development_database_is_recognized(project: Project) -> None:
    program = RECOGNIZE.format(database=project.database)
    assert project.run("python", "-c", program).stdout == "True\n"
    other = {"DATABASE_URL": f"{project.database}:///other"}
    assert project.run("python", "-c", program, env=other).stdout == "False\n"


def test_other_database_is_refused(orders: Project, server: Server, url: str) -> None:
    environment = {"DATABASE_URL": url}
    line = error_of(orders.make("db-seed", env=environment, code=2))
    name = server.name(url).rpartition("/")[2]
    assert line.startswith("refused: ")
    assert f"is not the development database; make db-seed confirm={name} inserts rows" in line
    assert "ORDERS_DEVELOPMENT=true in .env always does" in line
    line = error_of(orders.make("db-seed", "confirm=other", env=environment, code=2))
    assert line.startswith("refused: ")
    assert server.query(url, COUNT) == [(0,)]
    assert orders.make("db-seed", f"confirm={name}", env=environment).stdout == TWO_USERS


def test_password_is_not_shown(copy: Project, server: Server) -> None:
    environment = {"DATABASE_URL": server.REMOTE or server.UNREACHABLE}
    line = error_of(copy.make("db-seed", env=environment, code=2))
    assert "s3cret" not in line


def test_database_behind_the_code_is_refused(copy: Project, server: Server, url: str) -> None:
    line = error_of(copy.make("db-seed", env=DEVELOPMENT, code=2))
    assert line.startswith("nothing was inserted: The database is without a revision")
    assert line.endswith("Run: make db-migrate")
    assert "users" not in server.tables(url)


def test_database_that_does_not_answer_is_a_line(copy: Project, server: Server) -> None:
    environment = {**DEVELOPMENT, "DATABASE_URL": server.UNREACHABLE}
    done = copy.make("db-seed", env=environment, code=2)
    assert "nothing was inserted: The database cannot be reached." in done.stderr
    assert "Traceback" not in done.stderr


def test_violated_constraint_inserts_nothing(orders: Project, server: Server, url: str) -> None:
    (orders.folder / "app/seeds.py").write_text(TWICE, "utf-8")
    line = error_of(orders.make("db-seed", env=DEVELOPMENT, code=2))
    assert line.startswith("nothing was inserted: ")
    assert "ada@example.com" not in line
    assert server.query(url, COUNT) == [(0,)]


def test_service_without_seeds_reads_how_to_write_them(copy: Project) -> None:
    (copy.folder / "app/seeds.py").unlink()
    line = error_of(copy.make("db-seed", env=DEVELOPMENT, code=2))
    assert line.startswith("app/seeds.py is missing: write `async def seed(session: AsyncSession)")
    (copy.folder / "app/seeds.py").touch()
    line = error_of(copy.make("db-seed", env=DEVELOPMENT, code=2))
    assert line.startswith("app/seeds.py has no function seed: write `async def seed(")


def test_seeds_of_a_package_in_src(orders: Project) -> None:
    (orders.folder / "src").mkdir()
    shutil.move(orders.folder / "app", orders.folder / "src/app")
    assert orders.make("db-seed", env=DEVELOPMENT).stdout == TWO_USERS
