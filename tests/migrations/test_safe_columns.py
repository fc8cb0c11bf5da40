"""Changes of columns become revisions that neither block queries nor break a running release."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from harness.chains import write_models
from harness.column_cases import CASES, Case, models
from harness.column_chains import ColumnChain, write_chain, write_revisions
from harness.databases import server_of
from harness.lint import clean
from harness.project import Project

pytestmark = pytest.mark.seconds(90)

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


@pytest.fixture(scope="module")
def project(projects: Callable[..., Project]) -> Project:
    """Return the project of PostgreSQL, the only database with chains."""
    return projects("postgresql")


@pytest.fixture(scope="module")
def chain(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ColumnChain]:
    """Yield the revisions of all safe changes, written once."""
    server = server_of(project)
    folder = tmp_path_factory.mktemp("columns")
    with server.empty_database(folder) as url:
        yield write_chain(project.copy(folder / "orders", url), server, url, CASES)


@pytest.mark.parametrize("name", CASES)
def test_change_is_written_in_steps(chain: ColumnChain, name: str) -> None:
    """Each step is in a later revision than the one before."""
    texts = iter(chain.texts)
    for step in CASES[name].steps:
        assert any(step in text for text in texts), f"{step} is not in its place"


def test_revisions_look_as_if_written_by_hand(chain: ColumnChain) -> None:
    """They are formatted, and say why they are written so; lint finds nothing in them."""
    assert "E501" not in chain.output
    # Hardly a chain has as many changes as this one.
    for options in (("format", "--check"), ("check", "--ignore", "PLR0915")):
        chain.project.run("ruff", *options, *chain.paths)
    for text in chain.texts:
        assert re.search(r"(ACCESS|UPDATE) EXCLUSIVE|no lock", text), text
    assert clean(chain.project, f"base={chain.base}").endswith(", nothing dangerous")


def test_chain_runs_up_down_and_up(chain: ColumnChain) -> None:
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
    output = unsafe.project.script("lint", env={"base": unsafe.base}, code=1).stdout
    for table in ("viewed", "target", "unequal"):
        assert f"changing-column-type: ALTER TABLE {table} ALTER COLUMN c TYPE BIGINT" in output
    assert "adding-field-with-default: ALTER TABLE stored" in output
    assert "renaming-column: ALTER TABLE incompatible" in output


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
    """No row is written or read: the server reports it in debug messages."""
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
