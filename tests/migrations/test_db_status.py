"""`make db-status`: what is applied, pending, changed, missing or forked, and what to do."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.databases import Server, shows_password
from harness.processes import lines_of, only
from harness.project import FIRST, Project
from harness.working_copy import CREATE_TABLE, Revise

# Where no database has a part in it, with the one that costs less.
light = pytest.mark.parametrize("project", ["sqlite"], indirect=True)

ORDERS, ITEMS = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
HEADER = "revision      state    applied at (UTC)     what"


def status(project: Project, code: int) -> list[str]:
    """Return the lines below the header, with `now` for a time that is about now."""
    output = project.script("status", code=code).stdout
    header, _, table = output.partition("\n")
    assert header == HEADER
    table = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", about_now, table)
    return re.sub(r"(?m) +$", "", table).splitlines()


def about_now(time: re.Match[str]) -> str:
    passed = datetime.now(UTC) - datetime.fromisoformat(f"{time[0]}+00:00")
    if timedelta(0) <= passed < timedelta(minutes=5):
        return "now".ljust(len(time[0]))
    return time[0]


APPLIED = f"{FIRST}  applied  now                  create users"
PENDING = f"{ORDERS}  pending                       revision {ORDERS} (head)"


@pytest.fixture
def orders(copy: Project, revise: Revise, url: str) -> Project:
    """Return a project with a second revision, and a database that has the first."""
    copy.alembic(url, "upgrade", "head")
    revise(ORDERS, CREATE_TABLE, table="orders")
    return copy


def file_of_orders(project: Project) -> Path:
    return only((project.folder / "migrations/versions").glob(f"*{ORDERS}*"))


def test_applied(copy: Project, url: str) -> None:
    copy.alembic(url, "upgrade", "head")
    assert status(copy, 0) == [f"{APPLIED} (head)", "The database has every revision."]
    assert "The database has every revision." in copy.make("db-status").stdout


def test_pending(orders: Project, url: str) -> None:
    assert status(orders, 1) == [
        APPLIED,
        PENDING,
        "pending: make db-migrate",
    ]
    orders.make("db-status", code=2)
    orders.alembic(url, "upgrade", "head")
    assert status(orders, 0)[-1] == "The database has every revision."
    orders.alembic(url, "downgrade", "-1")
    assert status(orders, 1)[1] == PENDING


@light
def test_nothing_is_applied(copy: Project) -> None:
    assert status(copy, 1) == [
        f"{FIRST}  pending                       create users (head)",
        "pending: make db-migrate",
    ]


@light
def test_changed(orders: Project, revise: Revise, url: str) -> None:
    """Like Flyway's `validate`; other line ends are no change."""
    orders.alembic(url, "upgrade", "head")
    path = file_of_orders(orders)
    text = path.read_bytes()
    path.write_bytes(text.replace(b"\n", b"\r\n"))
    assert status(orders, 0)[-1] == "The database has every revision."
    revise(ORDERS, CREATE_TABLE, table="purchases")
    assert status(orders, 2) == [
        APPLIED,
        f"{ORDERS}  changed  now                  revision {ORDERS} (head)",
        "changed: edited after it was applied; restore it and write a new revision",
    ]
    # What has not been applied may be edited.
    path.write_bytes(text)
    orders.alembic(url, "downgrade", "-1")
    revise(ORDERS, CREATE_TABLE, table="purchases")
    assert status(orders, 1)[-1] == "pending: make db-migrate"
    orders.alembic(url, "upgrade", "head")
    assert status(orders, 0)[-1] == "The database has every revision."


@light
def test_missing(orders: Project, url: str) -> None:
    orders.alembic(url, "upgrade", "head")
    file_of_orders(orders).unlink()
    assert status(orders, 2) == [
        f"{APPLIED} (head)",
        f"{ORDERS}  missing  now",
        "missing: applied, but its file is missing; this code may be older than the database",
    ]


@light
def test_forked(orders: Project, revise: Revise) -> None:
    revise(ITEMS, CREATE_TABLE, table="items")
    lines = status(orders, 2)
    assert lines[0] == APPLIED
    assert sorted(lines[1:3]) == [
        PENDING,
        f"{ITEMS}  pending                       revision {ITEMS} (head)",
    ]
    assert lines[3:] == [
        "forked: there are several heads; make db-rebase makes them linear",
        "pending: make db-migrate",
    ]


def test_database_without_history(orders: Project, server: Server, url: str) -> None:
    """One that an older release has migrated: it has no such table, and is in order."""
    server.query(url, "DROP TABLE alembic_history")
    assert status(orders, 1)[0] == f"{FIRST}  applied                       create users"
    orders.alembic(url, "upgrade", "head")
    assert status(orders, 0) == [
        f"{FIRST}  applied                       create users",
        f"{ORDERS}  applied  now                  revision {ORDERS} (head)",
        "The database has every revision.",
    ]
    server.query(url, "DROP TABLE alembic_history")
    orders.alembic(url, "downgrade", "base")
    orders.alembic(url, "upgrade", "head")
    assert status(orders, 0)[-1] == "The database has every revision."


def test_rows_left_behind(orders: Project, server: Server, url: str) -> None:
    """Rows of history from before an older release migrated are ignored, and overwritten."""
    insert = "INSERT INTO alembic_history (revision, checksum) VALUES ('{}', 'of another file')"
    server.query(url, insert.format(ORDERS))
    assert status(orders, 1)[-1] == "pending: make db-migrate"
    script = orders.alembic(url, "upgrade", f"{FIRST}:head", "--sql").stdout
    assert script.count("CREATE TABLE IF NOT EXISTS alembic_history") == 1
    server.run_script(url, script)
    assert status(orders, 0)[-1] == "The database has every revision."
    server.query(url, "UPDATE alembic_history SET applied_at = '2020-01-01 00:00:00'")
    orders.alembic(url, "stamp", "--purge", FIRST)
    server.query(url, "DROP TABLE orders")
    orders.alembic(url, "upgrade", "head")
    assert status(orders, 0)[1].startswith(f"{ORDERS}  applied  now")


def test_stamped(orders: Project, server: Server, url: str) -> None:
    server.query(url, "CREATE TABLE orders (id integer)")
    orders.alembic(url, "stamp", "head")
    assert (
        status(orders, 0)[1] == f"{ORDERS}  applied  now                  revision {ORDERS} (head)"
    )
    orders.alembic(url, "stamp", FIRST)
    assert status(orders, 1)[-1] == "pending: make db-migrate"


def test_failed_revision_is_not_recorded(
    orders: Project, revise: Revise, server: Server, url: str
) -> None:
    """The row is of the same transaction."""
    revise(ITEMS, CREATE_TABLE.replace("\n\n\ndef", '\n    op.execute("SELECT * FROM nowhere")\n\n\ndef'),
           before=ORDERS, table="items")  # fmt: skip
    orders.alembic(url, "upgrade", "head", code=None)
    version = server.query(url, "SELECT version_num FROM alembic_version")
    history = server.query(url, "SELECT revision FROM alembic_history")
    assert set(history) == {(FIRST,), *version}


REFUSED = """
def upgrade() -> None:
    op.execute(
        "CREATE TABLE items (parent integer REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    op.execute("INSERT INTO items VALUES (7)")


def downgrade() -> None:
    op.drop_table("items")
"""


def test_revision_that_is_refused_at_its_end_is_not_recorded(
    orders: Project, revise: Revise, server: Server, url: str
) -> None:
    """Its row has been written by then, and is rolled back with the transaction."""
    server.query(url, "CREATE TABLE parents (id integer PRIMARY KEY)")
    revise(ITEMS, REFUSED, before=ORDERS)
    orders.alembic(url, "upgrade", "head", code=None)
    assert "items" not in server.tables(url)
    query = f"SELECT revision FROM alembic_history WHERE revision = '{ITEMS}'"
    assert server.query(url, query) == []


def test_unusable_database_is_one_line(project: Project, server: Server) -> None:
    for url in (server.UNREACHABLE, server.UNREADABLE):
        done = project.make("db-status", env={"DATABASE_URL": url}, code=2)
        assert len(lines_of(done.stderr)) == 1, done.stderr
        assert not shows_password(url, done.stdout + done.stderr)
    assert shows_password(server.UNREADABLE, server.UNREADABLE), "it could be shown"
