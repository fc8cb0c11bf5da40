"""`make db-seed` inserts the rows of seeds.py once, into databases for development only."""

import shutil
from pathlib import Path

import pytest

from harness.databases import Server
from harness.output import messages_of
from harness.processes import Completed, Environment
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


@pytest.fixture
def light_orders(light_project: Project, tmp_path: Path) -> Project:
    """Return a project whose database is migrated, for tests that do not depend on it."""
    url = f"sqlite:///{tmp_path}/orders.db"
    copy = light_project.copy(tmp_path / "orders", url)
    copy.alembic(url, "upgrade", "head")
    return copy


def seed(project: Project, env: Environment = DEVELOPMENT, code: int = 0) -> Completed:
    """Run what `make db-seed` runs."""
    return project.script("seed", env=env, code=code)


def error_of(done: Completed) -> str:
    """Return the single line of an error, without that of make."""
    lines = messages_of(done.stderr)
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_rows_are_inserted_once(orders: Project, server: Server, url: str) -> None:
    assert orders.make("db-seed", env=DEVELOPMENT).stdout == TWO_USERS
    assert seed(orders).stdout == "nothing to do: no row is missing\n"
    assert server.query(url, COUNT) == [(2,)]


def test_development_database_is_recognized(project: Project) -> None:
    program = RECOGNIZE.format(database=project.database)
    assert project.run("python", "-c", program).stdout == "True\n"
    other = {"DATABASE_URL": f"{project.database}:///other"}
    assert project.run("python", "-c", program, env=other).stdout == "False\n"


def test_other_database_is_refused(orders: Project, server: Server, url: str) -> None:
    environment = {"DATABASE_URL": url}
    line = error_of(seed(orders, environment, code=1))
    name = server.name(url).rpartition("/")[2]
    assert line.startswith("refused: ")
    assert f"is not the development database; make db-seed confirm={name} inserts rows" in line
    assert "ORDERS_DEVELOPMENT=true in .env always does" in line
    line = error_of(seed(orders, environment | {"confirm": "other"}, code=1))
    assert line.startswith("refused: ")
    assert server.query(url, COUNT) == [(0,)]
    assert orders.make("db-seed", f"confirm={name}", env=environment).stdout == TWO_USERS


def test_password_is_not_shown(copy: Project, server: Server) -> None:
    environment = {"DATABASE_URL": server.REMOTE or server.UNREACHABLE}
    line = error_of(seed(copy, environment, code=1))
    assert "s3cret" not in line


def test_database_behind_the_code_is_refused(copy: Project, server: Server, url: str) -> None:
    line = error_of(seed(copy, code=1))
    assert line.startswith("nothing was inserted: The database is without a revision")
    assert line.endswith("Run: make db-migrate")
    assert "users" not in server.tables(url)


def test_database_that_does_not_answer_is_a_line(copy: Project, server: Server) -> None:
    environment = {**DEVELOPMENT, "DATABASE_URL": server.UNREACHABLE}
    done = seed(copy, environment, code=1)
    assert "nothing was inserted: The database cannot be reached." in done.stderr
    assert "Traceback" not in done.stderr


def test_violated_constraint_inserts_nothing(orders: Project, server: Server, url: str) -> None:
    (orders.folder / "app/seeds.py").write_text(TWICE, "utf-8")
    line = error_of(seed(orders, code=1))
    assert line.startswith("nothing was inserted: ")
    assert "ada@example.com" not in line
    assert server.query(url, COUNT) == [(0,)]


def test_service_without_seeds_reads_how_to_write_them(light_orders: Project) -> None:
    seeds = light_orders.folder / "app/seeds.py"
    seeds.unlink()
    line = error_of(seed(light_orders, code=1))
    assert line.startswith("app/seeds.py is missing: write `async def seed(session: AsyncSession)")
    seeds.touch()
    line = error_of(seed(light_orders, code=1))
    assert line.startswith("app/seeds.py has no function seed: write `async def seed(")


def test_seeds_of_a_package_in_src(light_orders: Project) -> None:
    (light_orders.folder / "src").mkdir()
    shutil.move(light_orders.folder / "app", light_orders.folder / "src/app")
    assert light_orders.make("db-seed", env=DEVELOPMENT).stdout == TWO_USERS
