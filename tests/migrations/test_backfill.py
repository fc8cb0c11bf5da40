"""`make db-backfill`: each row is changed once, whatever happens meanwhile."""

import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from harness.databases import Server
from harness.jobs import FILL, RESULT, ROWS, TABLE
from harness.processes import clean_environment, only, wait_for
from harness.project import Project
from harness.standby import following

pytestmark = pytest.mark.seconds(40)

ONCE = ("jobs", "--set", "times = times + 1, done = true", "--where", "NOT done")
SLOWLY = (*ONCE, "--batch", "5")


Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin(project: Project, url: str) -> Iterator[Begin]:
    """Return a function that starts a backfill, and ends it at the end of the test."""
    begun = []

    def start(*arguments: str, where: Project = project) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            ["python", "-m", "scripts.backfill", *(arguments or ONCE)],
            cwd=where.folder,
            env=clean_environment({"PATH": project.path, "DATABASE_URL": url}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.wait()


def end(process: "subprocess.Popen[str]", code: int = 0) -> list[str]:
    """Return the lines that a backfill has printed by its end."""
    output, _ = process.communicate(timeout=180)
    assert process.returncode == code, output
    return output.splitlines()


def changed_rows(line: str) -> int:
    number, words = line.split(" ", 1)
    assert words == "rows changed"
    return int(number.replace(",", ""))


def has_begun(server: Server, url: str) -> Callable[[], bool]:
    return lambda: server.query(url, "SELECT count(*) > 0 FROM jobs WHERE done")[0][0]


def test_each_row_once(copy: Project, server: Server, filled: str) -> None:
    changes = "set=times = times + 1, done = true"
    done = copy.make("db-backfill", "table=jobs", changes, "where=NOT done")
    assert done.stdout.splitlines()[-1] == f"{ROWS:,} rows changed"
    assert server.query(filled, RESULT) == [(ROWS, 1, 1)]
    assert copy.script("backfill", *ONCE).stdout == "0 rows changed\n"


def test_every_character_arrives(copy: Project, server: Server, filled: str) -> None:
    """Neither make nor a shell nor a driver takes any of them for its own."""
    text = """50% :a %s %(b)s 10:30 "q" $HOME `id` \\ ? {x}"""
    where = f"where=id LIKE 'a%' AND note IS NULL AND '{text}' LIKE '50%:a%'"
    done = copy.make("db-backfill", "table=jobs", f"set=note = '{text}' || id", where)
    assert done.stdout.splitlines()[-1] == f"{ROWS // 3:,} rows changed"
    assert server.query(filled, "SELECT note FROM jobs WHERE id = 'a3'") == [(f"{text}a3",)]


def test_killed_at_any_moment(begin: Begin, server: Server, filled: str) -> None:
    """Each row is changed exactly once, although no progress is stored."""
    changed = lambda: server.query(filled, "SELECT count(*) FROM jobs WHERE done")[0][0]
    for _ in range(4):
        before = changed()
        process = begin(*SLOWLY)
        wait_for(lambda before=before: changed() > before, "more rows than before the last kill")
        time.sleep(random.uniform(0, 0.3))
        seen = changed()
        assert process.poll() is None, "it has ended before it could be killed"
        process.kill()
        process.wait()
        assert changed() >= seen, "what was changed has been lost"
    end(begin())
    assert server.query(filled, RESULT) == [(ROWS, 1, 1)]


def test_two_at_once(begin: Begin, server: Server, filled: str) -> None:
    first, second = begin(), begin()
    assert changed_rows(end(first)[-1]) + changed_rows(end(second)[-1]) == ROWS
    assert server.query(filled, RESULT) == [(ROWS, 1, 1)]


@pytest.mark.parametrize(
    ("project", "number"),
    [("postgresql", signal.SIGINT), ("sqlite", signal.SIGTERM)],
    indirect=["project"],
)
def test_stops_when_asked(begin: Begin, server: Server, filled: str, number: int) -> None:
    process = begin(*SLOWLY)
    wait_for(has_begun(server, filled), "the first batch")
    process.send_signal(number)
    line = end(process, 1)[-1]
    assert line == "stopped: run it again to continue"
    changed = only(only(server.query(filled, "SELECT count(*) FROM jobs WHERE done")))
    assert 0 < changed < ROWS
    assert end(begin())[-1] == f"{ROWS - changed:,} rows changed"


def test_writers_get_their_turn(begin: Begin, server: Server, filled: str) -> None:
    """They wait for a batch at most, not for the whole backfill."""
    process = begin()
    wait_for(has_begun(server, filled), "the first batch")
    turns = 0
    while process.poll() is None:
        server.query(filled, "UPDATE jobs SET note = 'mine' WHERE id = 'a3'")
        turns += 1
    # If they waited for the whole backfill, it would be one.
    assert turns > 5
    end(process)


def test_progress(copy: Project, begin: Begin, filled: str) -> None:
    path = copy.folder / "scripts/backfill/__main__.py"
    text = path.read_text("utf-8")
    assert "INTERVAL = 5\n" in text
    path.write_text(text.replace("INTERVAL = 5\n", "INTERVAL = 0.05\n"), "utf-8")
    *progress, last = end(begin(*ONCE, "--batch", "50", where=copy))
    assert last == f"{ROWS:,} rows changed"
    assert len(progress) > 2
    numbers = r"[\d,]+ of 40,000 rows, [\d,]+ a second, [\d,]+ s left"
    for line in progress:
        assert re.fullmatch(numbers, line), line


def test_another_key(begin: Begin, server: Server, filled: str) -> None:
    """Not even unique, with other rows of the same value that are not to be changed."""
    server.query(filled, "CREATE TABLE items (job integer NOT NULL, times integer NOT NULL)")
    server.query(filled, "INSERT INTO items VALUES (1, 0), (1, 0), (1, 7), (2, 0)")
    changes = ("--set", "times = 1", "--where", "times = 0")
    assert end(begin("items", *changes, "--key", "job", "--batch", "1")) == ["3 rows changed"]
    items = [(1, 1), (1, 1), (1, 7), (2, 1)]
    assert server.query(filled, "SELECT job, times FROM items ORDER BY 1, 2") == items


on_postgresql = pytest.mark.parametrize("project", ["postgresql"], indirect=True)


@on_postgresql
def test_locked_rows_come_later(
    project: Project, begin: Begin, server: Server, filled: str
) -> None:
    others = f"SELECT count(*) = {ROWS - 2} FROM jobs WHERE done"
    with psycopg.connect(filled) as connection:
        connection.execute("SELECT 1 FROM jobs WHERE id IN ('B7', 'é20000') FOR UPDATE")
        process = begin()
        wait_for(lambda: server.query(filled, others)[0][0], "all other rows are done")
        assert process.stdout
        wait_for(
            lambda: process.stdout.readline() == "waiting: rows locked by others: 2\n",
            "it prints what it waits for",
        )
    assert end(process)[-1] == f"{ROWS:,} rows changed"
    assert server.query(filled, RESULT) == [(ROWS, 1, 1)]


@on_postgresql
def test_locked_table_is_not_waited_for(
    project: Project, begin: Begin, server: Server, filled: str
) -> None:
    with psycopg.connect(filled) as connection:
        connection.execute("LOCK TABLE jobs IN SHARE MODE")
        assert end(begin(), 1) == [
            "stopped: canceling statement due to lock timeout (SQLSTATE 55P03)"
        ]
        assert server.query(filled, RESULT) == [(ROWS, 0, 0)]
    assert end(begin())[-1] == f"{ROWS:,} rows changed"


@on_postgresql
def test_waits_for_replicas(copy: Project, begin: Begin, server: Server, filled: str) -> None:
    """A standby whose replay is paused falls behind, and the backfill with it."""
    path = copy.folder / "scripts/backfill/postgresql.py"
    text = path.read_text("utf-8")
    assert "64 * 2**20" in text
    path.write_text(text.replace("64 * 2**20", "2**20"), "utf-8")
    with following(copy, filled) as standby:
        replica = psycopg.connect(standby, autocommit=True)
        replica.execute("SELECT pg_wal_replay_pause()")
        process = begin(where=copy)
        assert process.stdout
        wait_for(
            lambda: re.match(r"waiting: a replica is \d+ MB behind$", process.stdout.readline()),
            "it prints what it waits for",
        )
        before = server.query(filled, RESULT)
        time.sleep(2)
        assert server.query(filled, RESULT) == before != [(ROWS, 1, 1)]
        replica.execute("SELECT pg_wal_replay_resume()")
        assert end(process)[-1] == f"{ROWS:,} rows changed"
        counted = lambda: replica.execute(RESULT).fetchone() == (ROWS, 1, 1)
        wait_for(counted, "the replica has all of it")
        replica.close()


def test_schema(project: Project, begin: Begin, server: Server, url: str) -> None:
    """A table of another schema is named with it."""
    name = {"postgresql": "archive.jobs", "sqlite": "main.jobs"}[project.database]
    if project.database == "postgresql":
        server.query(url, "CREATE SCHEMA archive")
    server.query(url, TABLE.replace("jobs", name))
    server.query(url, FILL.replace("jobs", name))
    assert end(begin(name, *ONCE[1:]))[-1] == f"{ROWS:,} rows changed"
    assert server.query(url, RESULT.replace("jobs", name)) == [(ROWS, 1, 1)]
