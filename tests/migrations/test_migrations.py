"""Alembic in a generated project, as plain commands, on a real server of each database."""

import dataclasses
import re
from pathlib import Path

import pytest

from harness.databases import Server, shows_password
from harness.migrators import migrators
from harness.processes import only
from harness.project import FIRST, Project
from harness.working_copy import Revise

pytestmark = pytest.mark.seconds(25)

# Where no database has a part in it, with the one that costs less.
light = pytest.mark.parametrize("project", ["sqlite"], indirect=True)

TABLES = """
def upgrade() -> None:
    op.create_table(
        "{table}",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id", ondelete="CASCADE")),
    )
    {last}


def downgrade() -> None:
    op.drop_table("{table}")
"""
# Others have begun before it is done.
SLOWLY = "import time; time.sleep(2)"
UNNAMED = """
def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("number", sa.Integer(), unique=True),
    )


def downgrade() -> None:
    op.drop_table("orders")
"""
BATCH = """
def upgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.alter_column("name", type_=sa.String(200), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.alter_column("name", type_=sa.String(100), existing_nullable=False)
"""

USER = (
    "INSERT INTO users (id, email, name) VALUES"
    " ('01890000-0000-7000-8000-000000000001', 'ada@example.com', 'Ada')"
)


def heads(project: Project, url: str) -> str:
    return project.alembic(url, "current").stdout


def test_down_to_base_and_up_again(project: Project, server: Server, url: str) -> None:
    project.alembic(url, "upgrade", "head")
    before = server.schema(url)
    project.alembic(url, "check")
    project.alembic(url, "downgrade", "base")
    assert "users" not in server.tables(url)
    project.alembic(url, "upgrade", "head")
    project.alembic(url, "check")
    assert server.schema(url) == before


@light
def test_every_plain_command(copy: Project, server: Server, url: str) -> None:
    """Each from its own beginning, as it is typed."""
    alembic = dataclasses.replace(copy, migrators=None).alembic
    assert FIRST not in alembic(url, "current").stdout
    alembic(url, "upgrade", "+1")
    assert f"{FIRST} (head)" in alembic(url, "current").stdout
    alembic(url, "current", "--check-heads")
    alembic(url, "revision", "-m", "Two: it's „new“")
    second = copy.new_revision
    assert re.fullmatch(r"\d{4}_\d\d_\d\d_\d{6}-[a-z0-9_]+\.py", second.name)
    identifier = only(
        re.findall(r'^revision: str = "(\w+)"$', second.read_text("utf-8"), re.MULTILINE)
    )
    alembic(url, "current", "--check-heads", code=None)
    alembic(url, "upgrade", identifier)
    alembic(url, "downgrade", "-1")
    assert FIRST in alembic(url, "current").stdout
    alembic(url, "upgrade", "head")
    alembic(url, "downgrade", FIRST)
    assert "(head)" not in alembic(url, "current").stdout
    history = alembic(url, "history").stdout
    assert identifier in history
    assert "create users" in history
    alembic(url, "upgrade", "head")
    alembic(url, "revision", "--autogenerate", "-m", "nothing has changed")
    assert len(copy.revisions) == 2
    alembic(url, "downgrade", "base")
    assert "users" not in server.tables(url)
    copy.run("ruff", "check", second)
    copy.run("ruff", "format", "--check", second)


def test_starts_without_the_service(copy: Project, url: str) -> None:
    """It takes longer to import than a revision takes to run."""
    python = ("python", "-X", "importtime", "-m", "alembic")
    done = copy.run(*python, "upgrade", "head", env={"DATABASE_URL": url})
    imported = set(re.findall(r"(?m)^import time:.* (\S+)$", done.stderr))
    assert imported > {"app.settings", "app.models", "kit._internal.migrations.history"}
    assert not imported & {"app.db", "asyncpg", "aiosqlite", "fastapi", "uvicorn"}


def test_constraints_get_names(copy: Project, server: Server, url: str, revise: Revise) -> None:
    """Where a revision gives none, it is the one that the model would have."""
    revise("aaaaaaaaaaaa", UNNAMED)
    copy.alembic(url, "upgrade", "head")
    assert "pk_orders" in str(server.schema(url))
    assert "uq_orders_number" in str(server.schema(url))


def test_sql_runs_as_it_is(project: Project, server: Server, url: str, tmp_path: Path) -> None:
    """What `--sql` prints gives an administrator the same schema, the revision included."""
    script = project.alembic(url, "upgrade", "head", "--sql").stdout
    assert not server.schema(url)
    server.run_script(url, script)
    project.alembic(url, "check")
    assert FIRST in heads(project, url)
    with server.empty_database(tmp_path) as other:
        project.alembic(other, "upgrade", "head")
        assert server.schema(url) == server.schema(other)
    server.run_script(url, project.alembic(url, "downgrade", f"{FIRST}:base", "--sql").stdout)
    assert "users" not in server.tables(url)


def test_eight_at_once(
    copy: Project, server: Server, url: str, revise: Revise, tmp_path: Path
) -> None:
    """Every replica of a deployment may migrate: one works, the others wait and find it done."""
    revise("aaaaaaaaaaaa", TABLES, table="orders", last=SLOWLY)
    with migrators(copy, tmp_path) as crowd:
        crowd.start(url, "upgrade", "head", count=8)
        assert crowd.wait() == [0] * 8, crowd.logs
    assert server.tables(url) >= {"users", "orders"}
    assert "aaaaaaaaaaaa (head)" in heads(copy, url)


def test_failing_revision_leaves_nothing(
    copy: Project, server: Server, url: str, revise: Revise
) -> None:
    copy.alembic(url, "upgrade", "head")
    before = server.schema(url)
    path = revise(
        "bbbbbbbbbbbb",
        TABLES,
        table="orders",
        last="""op.execute("INSERT INTO nowhere VALUES ('Ada')")""",
    )
    done = copy.alembic(url, "upgrade", "head", code=255)
    line = only(done.stdout.splitlines())
    assert line.startswith("FAILED: rolled back: INSERT INTO nowhere VALUES ('...'): "), line
    assert server.schema(url) == before
    assert FIRST in heads(copy, url)
    path.unlink()
    revise("bbbbbbbbbbbb", TABLES, table="orders", last="")
    copy.alembic(url, "upgrade", "head")
    assert "orders" in server.tables(url)


def test_changing_a_parent_table_keeps_its_children(
    copy: Project, server: Server, url: str, revise: Revise
) -> None:
    """SQLite changes a table by copying it; with foreign keys on, that would empty the others."""
    revise("aaaaaaaaaaaa", TABLES, table="orders", last="")
    copy.alembic(url, "upgrade", "head")
    server.query(url, USER)
    server.query(url, "INSERT INTO orders (id, user_id) SELECT 1, id FROM users")
    revise("bbbbbbbbbbbb", BATCH, before="aaaaaaaaaaaa")
    copy.alembic(url, "upgrade", "head")
    copy.alembic(url, "downgrade", "-1")
    joined = "SELECT count(*) FROM orders JOIN users ON users.id = orders.user_id"
    assert server.query(url, joined) == [(1,)]


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_lost_parents_are_noticed(copy: Project, server: Server, url: str, revise: Revise) -> None:
    """Foreign keys, which are not enforced meanwhile, hold again at the end, or nothing changes."""
    revise("aaaaaaaaaaaa", TABLES, table="orders", last="")
    copy.alembic(url, "upgrade", "head")
    server.query(url, USER)
    server.query(url, "INSERT INTO orders (id, user_id) SELECT 1, id FROM users")
    revise("bbbbbbbbbbbb", BATCH + '    op.execute("DELETE FROM users")\n', before="aaaaaaaaaaaa")
    copy.alembic(url, "upgrade", "head")
    done = copy.alembic(url, "downgrade", "-1", code=255)
    assert done.stdout.strip() == (
        "FAILED: 1 rows of orders refer to rows that do not exist: nothing was changed"
    )
    assert server.query(url, "SELECT count(*) FROM users") == [(1,)]
    assert "bbbbbbbbbbbb (head)" in heads(copy, url)


@pytest.mark.parametrize("command", ["upgrade head", "current"])
def test_no_database_is_one_line(project: Project, server: Server, command: str) -> None:
    reasons = {
        server.UNREACHABLE: server.REFUSED,
        server.UNREADABLE: "DATABASE_URL: expected format:",
    }
    for url, reason in reasons.items():
        done = project.alembic(url, *command.split(), code=None)
        line = only((done.stdout + done.stderr).strip().splitlines())
        assert not shows_password(url, line)
        assert re.match(reason, line), line
    assert shows_password(server.UNREADABLE, server.UNREADABLE), "it could be shown"


@light
def test_environment_wins_over_env_file(copy: Project, server: Server, tmp_path: Path) -> None:
    """With `make` as well as with plain commands; the database in .env stays as it is."""
    with server.empty_database(tmp_path) as other:
        environment = {"DATABASE_URL": other}
        copy.make("db-migrate", env=environment)
        assert FIRST in copy.make("db-status", env=environment).stdout
        copy.make("db-check", env=environment)
        assert "users" in server.tables(other)
        assert not server.schema(copy.environment_file["DATABASE_URL"])
        copy.make("db-rollback", "rev=base", env=environment)
        assert "users" not in server.tables(other)
