"""Changes of columns become revisions that neither block queries nor break a running release."""

import json
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg
import pytest

from harness.column_cases import CASES, Case, models, rows
from harness.databases import Server, server_of
from harness.lint import clean
from harness.processes import only
from harness.project import Project

pytestmark = pytest.mark.seconds(90)

BACKFILL = re.compile(r"make db-backfill .*")
# Columns, constraints, indexes and functions, without what every version of PostgreSQL names.
DEFINITIONS = """
    SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull::text,
        pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attnum > 0 AND NOT attisdropped AND relnamespace::regnamespace::text = ANY ({schemas})
    UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
    FROM pg_constraint WHERE contype <> 'n' AND connamespace::regnamespace::text = ANY ({schemas})
    UNION ALL SELECT tablename, indexname, indexdef, '', '', ''
    FROM pg_indexes WHERE schemaname = ANY ({schemas})
    UNION ALL SELECT proname, '', '', '', '', ''
    FROM pg_proc WHERE pronamespace::regnamespace::text = ANY ({schemas})
    ORDER BY 1, 2, 3
""".format(schemas="ARRAY['public', 'billing']")
UNSAFE = {
    "viewed": Case(
        'Column("c", sa.Integer)', 'Column("c", sa.BigInteger)', ("rule _RETURN on view",)
    ),
    "target": Case(
        'Column("c", sa.Integer, unique=True)',
        'Column("c", sa.BigInteger, unique=True)',
        ("constraint fk_source_c_target on table source",),
    ),
    "source": Case(
        'Column("c", sa.Integer, sa.ForeignKey("target.c"))',
        'Column("c", sa.Integer, sa.ForeignKey("target.c"))',
        (),
    ),
    "unequal": Case(
        'Column("c", sa.Integer, nullable=False), sa.UniqueConstraint("c", postgresql_nulls_not_distinct=True)',
        'Column("c", sa.BigInteger, nullable=False), sa.UniqueConstraint("c", postgresql_nulls_not_distinct=True)',
        ("constraint uq_unequal_c on table",),
    ),
    "stored": Case(
        'Column("n", sa.Integer)',
        'Column("n", sa.Integer), Column("c", sa.Integer, sa.Computed("n + 1", persisted=True))',
        ("a stored generated column rewrites",),
        name="n",
    ),
    "incompatible": Case(
        'Column("c", sa.Integer)',
        'Column("c", sa.String(20))',
        ("Not safe while the new release runs",),
    ),
}
VIEW = "CREATE VIEW seen AS SELECT c FROM viewed"
TYPES = [
    *("VARCHAR", "VARCHAR(20)", "VARCHAR(50)", "TEXT", "CHAR(20)", "VARCHAR(20)[]", "TEXT[]"),
    *("NUMERIC", "NUMERIC(10, 2)", "NUMERIC(12, 2)", "NUMERIC(12, 4)", "NUMERIC(12)"),
    *("SMALLINT", "INTEGER", "BIGINT", "DATE", "CIDR", "INET", "JSON", "JSONB"),
    *("BIT VARYING(10)", "BIT VARYING(20)", "BIT VARYING", "INTERVAL", "INTERVAL(3)"),
    *("TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP(3) WITHOUT TIME ZONE", "TIMESTAMP WITH TIME ZONE"),
    *("TIME WITHOUT TIME ZONE", "TIME(3) WITHOUT TIME ZONE"),
]
IN_PLACE = """
import json, sys
from kit._internal.postgresql.safe.types import is_catalogue_only

types = json.loads(sys.argv[1])
print(json.dumps([[old, new] for old in types for new in types if is_catalogue_only(old, new)]))
"""
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


@dataclass(frozen=True)
class Chain:
    """A project whose models have changed, its revisions, and its database with rows."""

    project: Project
    server: Server
    url: str
    # The revision of the former models.
    base: str
    paths: list[Path]
    output: str

    @property
    def texts(self) -> list[str]:
        return [path.read_text("utf-8") for path in self.paths]

    def definitions(self) -> list[tuple[object, ...]]:
        return self.server.query(self.url, DEFINITIONS)

    def upgrade(self) -> str | None:
        """Upgrade to the head; return the command of the backfill that a revision waits for."""
        try:
            self.project.alembic(self.url, "upgrade", "head")
        except AssertionError as refusal:
            return only({*BACKFILL.findall(str(refusal))})
        return None

    def backfill(self, command: str) -> None:
        """Run the command that a revision has printed, without make, which takes longer."""
        words = dict(word.split("=", 1) for word in shlex.split(command)[2:])
        options = ["--set", words["set"], "--where", words["where"]]
        self.project.script("backfill", words["table"], *options, env={"DATABASE_URL": self.url})


@pytest.fixture(scope="module")
def project(projects: Callable[..., Project]) -> Project:
    """Return the project of PostgreSQL, the only database with chains."""
    return projects("postgresql")


def write_models(project: Project, text: str) -> None:
    (project.folder / "app/models/cases.py").write_text(text, "utf-8")
    hub = project.folder / "app/models/__init__.py"
    if "cases" not in hub.read_text("utf-8"):
        hub.write_text(hub.read_text("utf-8") + "from app.models import cases\n", "utf-8")


def write_revisions(project: Project, url: str, message: str) -> tuple[list[Path], str]:
    """Write what the models need; return the new files in their order, and the output."""
    before = set(project.revisions)
    done = project.alembic(url, "revision", "--autogenerate", "-m", message)
    return sorted(set(project.revisions) - before), done.stdout + done.stderr


def write_chain(project: Project, server: Server, url: str, cases: dict[str, Case]) -> Chain:
    """Create the tables of the cases, with rows; change the models, and write the revisions."""
    server.query(url, "CREATE SCHEMA billing")
    project.alembic(url, "upgrade", "head")
    write_models(project, models(cases, changed=False))
    start = only(write_revisions(project, url, "start")[0])
    project.alembic(url, "upgrade", "head")
    if "viewed" in cases:
        server.query(url, VIEW)
    server.query(url, rows(cases))
    write_models(project, models(cases, changed=True))
    paths, output = write_revisions(project, url, "change columns")
    base = start.read_text("utf-8").partition("Revision ID: ")[2].split()[0]
    return Chain(project, server, url, base, paths, output)


@pytest.fixture(scope="module")
def chain(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Yield the revisions of all safe changes, written once."""
    server = server_of(project)
    folder = tmp_path_factory.mktemp("columns")
    with server.empty_database(folder) as url:
        yield write_chain(project.copy(folder / "orders", url), server, url, CASES)


@pytest.mark.parametrize("name", CASES)
def test_change_is_written_in_steps(chain: Chain, name: str) -> None:
    """Each step is in a later revision than the one before."""
    texts = iter(chain.texts)
    for step in CASES[name].steps:
        assert any(step in text for text in texts), f"{step} is not in its place"


def test_revisions_look_as_if_written_by_hand(chain: Chain) -> None:
    """They are formatted, and say why they are written so; lint finds nothing in them."""
    assert "E501" not in chain.output
    # Hardly a chain has as many changes as this one.
    for options in (("format", "--check"), ("check", "--ignore", "PLR0915")):
        chain.project.run("ruff", *options, *chain.paths)
    for text in chain.texts:
        assert re.search(r"(ACCESS|UPDATE) EXCLUSIVE", text), text
    assert clean(chain.project, f"base={chain.base}").endswith(", nothing dangerous")


def test_chain_runs_up_down_and_up(chain: Chain) -> None:
    """It stops until the rows are filled, and leads to the models and back."""
    former = chain.definitions()
    commands = []
    while (command := chain.upgrade()) is not None:
        assert command not in commands, "the backfill did not do what its revision waits for"
        commands.append(command)
        chain.backfill(command)
    assert (
        'make db-backfill table=wider set="c_new = c" where="c_new IS DISTINCT FROM c::BIGINT"'
        in (commands)
    )
    assert "No new upgrade operations" in chain.project.alembic(chain.url, "check").stdout
    later = chain.definitions()
    changed = chain.server.query(chain.url, "SELECT id, c FROM wider ORDER BY id")
    assert changed == [(number, number) for number in range(1, 21)]
    chain.server.query(chain.url, "INSERT INTO wider (id, c) VALUES (21, 21)")
    chain.project.alembic(chain.url, "downgrade", chain.base)
    assert sorted(chain.definitions(), key=repr) == sorted(former, key=repr)
    restored = chain.server.query(chain.url, "SELECT id, c FROM wider ORDER BY id")
    assert restored == [*changed, (21, 21)]
    while (command := chain.upgrade()) is not None:
        chain.backfill(command)
    assert chain.definitions() == later


def test_what_cannot_be_safe_is_found_by_lint(project: Project, url: str, tmp_path: Path) -> None:
    """The docstring says what prevents it."""
    server = server_of(project)
    unsafe = write_chain(project.copy(tmp_path / "orders", url), server, url, UNSAFE)
    text = " ".join(" ".join(unsafe.texts).split())
    for case in UNSAFE.values():
        for step in case.steps:
            assert step in text
    found = unsafe.project.script("lint", env={"base": unsafe.base}, code=1).stdout
    for table in ("viewed", "target", "unequal"):
        assert f"changing-column-type: ALTER TABLE {table} ALTER COLUMN c TYPE BIGINT" in found
    assert "adding-field-with-default: ALTER TABLE stored" in found
    assert "renaming-column: ALTER TABLE incompatible" in found


def test_new_index_of_a_column_that_is_replaced_is_refused(
    project: Project, url: str, tmp_path: Path
) -> None:
    """It would be on the former column."""
    copy = project.copy(tmp_path / "orders", url)
    copy.alembic(url, "upgrade", "head")
    case = Case('Column("c", sa.Integer)', 'Column("c", sa.BigInteger, index=True)', ())
    write_models(copy, models({"indexed": case}, changed=False))
    write_revisions(copy, url, "start")
    copy.alembic(url, "upgrade", "head")
    write_models(copy, models({"indexed": case}, changed=True))
    done = copy.alembic(url, "revision", "--autogenerate", "-m", "change it", code=255)
    assert "add ix_indexed_c in a second revision" in done.stdout + done.stderr


def test_types_that_change_in_place_are_those_that_the_server_does_not_rewrite(
    project: Project, url: str
) -> None:
    """No row is written or read: the server says so in its debug messages."""
    stdout = project.run("python", "-c", IN_PLACE, json.dumps(TYPES)).stdout
    expected = {(old, new) for old, new in json.loads(stdout)}
    messages: list[str] = []
    in_place = set()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: messages.append(str(notice.message_primary)))
        connection.execute("SET client_min_messages = debug1; SET TimeZone = 'Asia/Seoul'")
        for old in TYPES:
            for new in TYPES:
                connection.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t (c {old})".encode())
                messages.clear()
                try:
                    connection.execute(f"ALTER TABLE t ALTER c TYPE {new}".encode())
                except psycopg.errors.DatatypeMismatch:
                    continue
                if not any(text.startswith(("rewriting", "verifying")) for text in messages):
                    in_place.add((old, new))
    assert expected == in_place


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
        self.threads = [threading.Thread(target=self.run, args=(column,)) for column in values]

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
