"""`make db-rehearse`: copies, rows, load, formats and exit codes on PostgreSQL."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from harness.databases import server_of
from harness.processes import DEADLINE, only, wait_for
from harness.project import FIRST
from harness.rehearsal import Rehearsal, statements_of
from harness.working_copy import init_repository, revise

pytestmark = [pytest.mark.slow, pytest.mark.seconds(40)]

ADDED, NEXT = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
PHONE = 'op.add_column("users", sa.Column("phone", sa.String(20)))'
INDEX = 'op.create_index("ix_users_name", "users", ["name"])'
# Types and constraints of one table each; all but the last can be filled.
TABLES = """
op.execute('''
    CREATE TYPE mood AS ENUM ('good', 'bad');
    CREATE DOMAIN code AS varchar(8) NOT NULL;
    CREATE SCHEMA other;
    CREATE TABLE kinds (
        id serial PRIMARY KEY, mood mood NOT NULL, code code UNIQUE, ratio numeric(5,2) NOT NULL,
        status varchar(10) NOT NULL CHECK (status IN ('new', 'paid')), size smallint NOT NULL,
        age integer NOT NULL CHECK (age BETWEEN 18 AND 99), data jsonb NOT NULL, tags text[] NOT NULL,
        email varchar(40) NOT NULL UNIQUE CHECK (email LIKE '%@%'), at timestamptz NOT NULL,
        flag char(1) NOT NULL CHECK (flag = 'y'), span int4range NOT NULL, raw bytea NOT NULL,
        address inet NOT NULL, day date NOT NULL, "odd ""name" text NOT NULL, percent text DEFAULT '5%'
    );
    CREATE TABLE other.owned (
        kind_id integer NOT NULL REFERENCES kinds, user_id uuid NOT NULL REFERENCES users,
        PRIMARY KEY (kind_id, user_id)
    );
    CREATE TABLE nodes (id uuid PRIMARY KEY, parent_id uuid REFERENCES nodes, note text);
    CREATE TABLE parts (id integer, day date NOT NULL) PARTITION BY RANGE (day);
    CREATE TABLE parts_all PARTITION OF parts DEFAULT;
    CREATE TABLE pairs (a integer NOT NULL, b integer NOT NULL, CHECK (a + b = 7 AND a > 90));
''')
"""


@pytest.fixture(params=["postgresql"])
def rehearsal(request: pytest.FixtureRequest, rehearsals: Callable[[str], Rehearsal]) -> Rehearsal:
    return rehearsals(request.param)


def test_nothing_blocks(rehearsal: Rehearsal) -> None:
    revise(rehearsal.project, ADDED, PHONE)
    output = rehearsal.run(code=0).stdout
    assert output.endswith("\nnothing blocks\n")
    assert "ALTER TABLE users ADD COLUMN phone VARCHAR(20)" in output


def test_nothing_to_rehearse(rehearsal: Rehearsal) -> None:
    assert rehearsal.run().stdout == f"nothing to rehearse: no new revision since {FIRST}\n"
    assert rehearsal.report()["revisions"] == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"format": "xml"}, "format=xml: expected one of text, markdown, json\n"),
        ({"rows": "many"}, "rows=many: expected a number, such as rows=1000000\n"),
        (
            {"from": "no.sql"},
            "from=no.sql: no such file; or from=database, the schema of DATABASE_URL\n",
        ),
        ({"stats": "mysql://db"}, "stats: "),
        (
            {"TEST_DATABASE_URL": "postgresql://127.0.0.1:1/x"},
            "the server of the copy does not answer: ",
        ),
    ],
)
def test_wrong_arguments(rehearsal: Rehearsal, variables: dict[str, str], message: str) -> None:
    revise(rehearsal.project, ADDED, PHONE)
    assert rehearsal.run(code=2, **variables).stderr.startswith(message)


def test_failing_revision_is_reported(rehearsal: Rehearsal) -> None:
    """With the statement that failed; later revisions do not run."""
    revise(rehearsal.project, ADDED, 'op.execute("SELECT * FROM nowhere")')
    revise(rehearsal.project, NEXT, PHONE, after=ADDED)
    report = rehearsal.report(code=1)
    assert [entry["revision"] for entry in report["revisions"]] == [ADDED]
    assert "nowhere" in only(statements_of(report, ADDED))["error"]
    assert "failed" in only(report["problems"])


def test_python_error_is_reported(rehearsal: Rehearsal) -> None:
    revise(rehearsal.project, ADDED, "op.no_such_operation()")
    assert "AttributeError" in only(rehearsal.report(code=1)["problems"])


def test_rows_fulfil_the_constraints(rehearsal: Rehearsal) -> None:
    """What cannot be filled is said."""
    revise(rehearsal.project, ADDED, TABLES)
    revise(rehearsal.project, NEXT, INDEX, after=ADDED)
    report = rehearsal.report(code=1, rows="1500", base=ADDED)
    assert report["rows"] == {
        "kinds": 1500,
        "nodes": 1500,
        "other.owned": 1500,
        "pairs": 0,
        "parts": 1500,
        "users": 1500,
    }
    assert only(report["notes"]).startswith("pairs has 0 rows instead of 1,500: ")


def test_load_measures_the_longest_wait(rehearsal: Rehearsal) -> None:
    lock = 'op.execute("LOCK TABLE users IN {} MODE")\nop.execute("SELECT pg_sleep(1.3)")'
    revise(rehearsal.project, ADDED, lock.format("ACCESS EXCLUSIVE"))
    revise(rehearsal.project, NEXT, lock.format("SHARE UPDATE EXCLUSIVE"), after=ADDED)
    report = rehearsal.report(code=1, load="1")
    blocking, harmless = report["revisions"]
    assert blocking["wait"]["seconds"] > 1
    assert blocking["wait"]["what"] in {"a read of users", "a write of users"}
    assert harmless["wait"]["seconds"] < 1
    assert "waited 1." in only(report["problems"])


@pytest.fixture
def deployed(rehearsal: Rehearsal, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database with rows, and a column that no revision adds."""
    with server_of(rehearsal.project).empty_database(tmp_path) as url:
        rehearsal.project.alembic(url, "upgrade", "head")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO users (id, email, name)"
                " SELECT gen_random_uuid(), i || '@x.io', 'x' FROM generate_series(1, 5000) AS i"
            )
            connection.execute("ALTER TABLE users ADD only_here integer")
            connection.execute("ANALYZE users")
        yield url


def test_copy_of_a_database(rehearsal: Rehearsal, deployed: str) -> None:
    """Revisions that it lacks, on its schema; estimates by its statistics. It stays as it is."""
    variables = {"from": "database", "DATABASE_URL": deployed, "base": ""}
    assert "has every revision" in rehearsal.run(**variables).stdout
    revise(rehearsal.project, ADDED, f'op.drop_column("users", "only_here")\n{INDEX}')
    report = rehearsal.report(code=1, stats=deployed, **variables)
    assert report["sizes"] == {"users": 5000}
    statement = statements_of(report, ADDED)[-1]
    assert statement["scanned"] == ["users"]
    assert statement["estimate"] > 0
    with psycopg.connect(deployed) as connection:
        assert connection.execute("SELECT count(*), count(only_here) FROM users").fetchone() == (
            5000,
            0,
        )


def test_copy_of_a_dump(rehearsal: Rehearsal, tmp_path: Path) -> None:
    dump = tmp_path / "dump.sql"
    table = "CREATE TABLE users (name text); ALTER TABLE users OWNER TO nobody_here;"
    dump.write_text(f"{table} CREATE TABLE alembic_version (version_num varchar(32));", "utf-8")
    revise(rehearsal.project, ADDED, INDEX)
    report = rehearsal.report(code=1, **{"from": str(dump)})
    assert only(statements_of(report, ADDED))["scanned"] == ["users"]
    dump.write_text(table, "utf-8")
    assert "alembic_version" in rehearsal.run(code=2, **{"from": str(dump)}).stderr
    dump.write_text("CREATE TABL x", "utf-8")
    assert "cannot be restored" in rehearsal.run(code=2, **{"from": str(dump)}).stderr


def test_backfill_of_a_waiting_revision(rehearsal: Rehearsal) -> None:
    """It is named, and done on the copy, as the revision refuses to run before."""
    guard = (
        "def require_backfill(table, **_):\n"
        "    query = f\"SELECT count(*) FROM {table} WHERE name <> 'x'\"\n"
        "    assert not op.get_bind().scalar(sa.text(query)), query\n"
        'require_backfill("users", set="name = \'x\'", where="name <> \'x\'")\n'
    )
    revise(rehearsal.project, ADDED, guard + PHONE)
    report = rehearsal.report(rows="10")
    assert only(report["revisions"])["waits_for"] == [
        "make db-backfill table=users set=\"name = 'x'\" where=\"name <> 'x'\""
    ]


def test_waiting_revision(rehearsal: Rehearsal) -> None:
    """The guards of kit see no row that they refuse, also where only the developer knows a value."""
    guards = (
        "from kit.revisions import require_backfill, require_unused\n"
        "require_unused('users', 'is_active')\n"
        "require_backfill('users', set='phone = ...', where='phone IS NULL')\n"
    )
    revise(rehearsal.project, ADDED, PHONE)
    drop = 'op.alter_column("users", "phone", nullable=False)'
    revise(rehearsal.project, NEXT, guards + drop, after=ADDED)
    report = rehearsal.report(code=1, rows="10")
    assert report["revisions"][1]["waits_for"] == [
        "a release whose code does not use users.is_active",
        'make db-backfill table=users set="phone = ..." where="phone IS NULL"',
    ]
    assert only(statements_of(report, NEXT))["sql"].endswith("SET NOT NULL")


def test_comment_can_be_found_again(rehearsal: Rehearsal, tmp_path: Path) -> None:
    """And text of the revision has no meaning in it."""
    revise(
        rehearsal.project, ADDED, "op.execute(\"COMMENT ON TABLE users IS '@ada <b> | `x` *y*'\")"
    )
    file = tmp_path / "report.md"
    assert rehearsal.run(format="markdown", to=str(file)).stdout == f"written to {file}\n"
    text = file.read_text("utf-8")
    assert text.startswith("<!-- db-rehearse -->\n### ")
    for character in ("@ada", "<b>", "`x`", "*y*"):
        assert character not in text


def test_interrupted_rehearsal_leaves_nothing(rehearsal: Rehearsal) -> None:
    revise(rehearsal.project, ADDED, 'op.execute("SELECT pg_sleep(50)")')
    before = rehearsal.databases()
    process = rehearsal.start()

    def is_sleeping() -> bool:
        query = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(50)%'"
        with psycopg.connect(rehearsal.server) as connection:
            return bool(connection.execute(query).fetchall())

    wait_for(is_sleeping, "the revision runs")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, errors) == (130, "\ninterrupted: the copy is removed\n")
    assert rehearsal.databases() == before


def test_target_has_a_server_of_its_own(rehearsal: Rehearsal, tmp_path: Path) -> None:
    """Without a server for tests; revisions are those that the branch adds."""
    project = init_repository(rehearsal.project)
    revise(project, ADDED, INDEX)
    done = project.make("db-rehearse", "base=main", env={"TMPDIR": str(tmp_path)}, code=2)
    assert "SHARE users" in done.stdout
    assert not list(tmp_path.glob("tests-*"))
