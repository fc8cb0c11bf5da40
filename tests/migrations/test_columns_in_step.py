"""Two releases write the two columns of a pair at the same time: the trigger keeps them in step."""

import threading
from collections.abc import Callable
from typing import Self

import psycopg
import pytest

from harness.databases import server_of
from harness.project import Project

pytestmark = pytest.mark.seconds(40)

# Keeps old and new in step, as a revision does.
CREATE_TRIGGER = """
import sys
from alembic.operations.ops import DropColumnOp
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from app.settings import Settings
from kit._internal.postgresql.migrations import connect
from kit._internal.postgresql.safe.chain import Change
from kit._internal.postgresql.safe.triggers import create_trigger, pair_of
from kit.settings import load

with connect(load(Settings)) as connection:
    context = MigrationContext.configure(connection)
    change = Change(DropColumnOp("pairs", "old"), None, "pairs", None, context)
    pair = pair_of(change, "old", "new", *sys.argv[1:])
    for operation in create_trigger(pair):
        connection.execute(text(operation.sqltext))
    connection.commit()
    print(pair.backfill["set"], pair.backfill["where"], sep="\\n")
"""
# What two releases write: the type of the old column and of the new one, and values of both.
PAIRS = {
    "renamed": ("TEXT", "TEXT", ("'a' || {n}", "'b' || {n}")),
    "wider": ("INTEGER", "BIGINT", ("{n}", "{n}")),
    "parsed": ("TEXT", "INTEGER", ("lpad('{n}', 9, '0')", "{n}")),
    "rounded": ("NUMERIC(12, 4)", "NUMERIC(12, 2)", ("{n} + 0.1234", "{n} + 0.5")),
    "zoned": (
        "TIMESTAMP WITHOUT TIME ZONE",
        "TIMESTAMP WITH TIME ZONE",
        (
            "timestamp '2024-01-01' + {n} * interval '1 s'",
            "timestamptz 'epoch' + {n} * interval '1 s'",
        ),
    ),
    "json": ("JSON", "JSONB", ("json_build_object('a', {n})", "jsonb_build_object('b', {n})")),
}


class Writers:
    """Two releases that write rows 1 to 40 at the same time, each its own column."""

    def __init__(self, url: str, values: dict[str, str]) -> None:
        self.url = url
        self.values = values
        self.stop = threading.Event()
        self.failures: list[BaseException] = []
        self.rounds = dict.fromkeys(values, 0)
        self.threads = list(map(self.thread, values))

    def thread(self, column: str) -> threading.Thread:
        return threading.Thread(target=self.run, args=(column,))

    def run(self, column: str) -> None:
        try:
            with psycopg.connect(self.url, autocommit=True) as connection:
                while not self.stop.is_set():
                    self.write(connection, column)
                    self.rounds[column] += 1
        except psycopg.Error as error:
            self.failures.append(error)

    def write(self, connection: psycopg.Connection, column: str) -> None:
        """Insert, change, and set to NULL; a row is also changed by the other release."""
        number = self.rounds[column]
        key = number % 40 + 1
        value = self.values[column].format(n=number)
        insert = f"INSERT INTO pairs (id, {column}) VALUES ({key}, {value}) ON CONFLICT (id)"
        connection.execute(f"{insert} DO UPDATE SET {column} = EXCLUDED.{column}".encode())
        connection.execute(f"UPDATE pairs SET {column} = {value} WHERE id = {41 - key}".encode())
        if number % 3 == 0:
            connection.execute(f"UPDATE pairs SET {column} = NULL WHERE id = {key}".encode())
        if number % 5 == 0:
            connection.execute(f"DELETE FROM pairs WHERE id = {key}".encode())

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(timeout=30)


@pytest.fixture(scope="module")
def project(projects: Callable[..., Project]) -> Project:
    """Return the project of PostgreSQL, the only database with triggers of chains."""
    return projects("postgresql")


@pytest.mark.parametrize("name", PAIRS)
def test_two_releases_that_write_at_once_stay_in_step(
    project: Project, url: str, name: str
) -> None:
    """Also with the rows that the backfill changes meanwhile; the last statement decides."""
    old, new, values = PAIRS[name]
    server = server_of(project)
    server.query(url, f"CREATE TABLE pairs (id bigint PRIMARY KEY, old {old}, new {new})")
    fill = values[0].format(n="id") if "lpad" not in values[0] else "lpad(id::text, 9, '0')"
    fill = f"INSERT INTO pairs (id, old) SELECT id, {fill} FROM generate_series(1, 3000) AS id"
    server.query(url, fill)
    environment = {"DATABASE_URL": url}
    done = project.run("python", "-c", CREATE_TRIGGER, old, new, env=environment)
    change, where = done.stdout.splitlines()[-2:]
    with Writers(url, {"old": values[0], "new": values[1]}) as writers:
        options = ("--set", change, "--where", where, "--batch", "100")
        project.script("backfill", "pairs", *options, env=environment)
    assert not writers.failures
    assert min(writers.rounds.values()) > 10
    assert server.query(url, f"SELECT id, old, new FROM pairs WHERE {where}") == []
    # Each direction, one after the other.
    for column, other in (("old", "new"), ("new", "old")):
        value = writers.values[column].format(n=77)
        server.query(url, f"UPDATE pairs SET {column} = {value} WHERE id = 2000")
        query = f"SELECT {column}::text = ({value})::{ {'old': old, 'new': new}[column] }::text"
        assert server.query(url, f"{query}, {other} IS NOT NULL FROM pairs WHERE id = 2000") == [
            (True, True)
        ]
    assert server.query(url, f"SELECT id FROM pairs WHERE {where}") == []


def test_times_without_a_zone_are_in_utc(project: Project, url: str) -> None:
    """Whatever the time zone of the session that writes."""
    server = server_of(project)
    types = ("TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP WITH TIME ZONE")
    server.query(url, f"CREATE TABLE pairs (id bigint, old {types[0]}, new {types[1]})")
    project.run("python", "-c", CREATE_TRIGGER, *types, env={"DATABASE_URL": url})
    insert = "INSERT INTO pairs (old) VALUES ('2024-07-01 12:00')"
    server.query(url, f"SET timezone = 'Asia/Seoul'; {insert}")
    assert server.query(url, "SELECT new = '2024-07-01 12:00+00' FROM pairs") == [(True,)]
