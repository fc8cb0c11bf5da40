"""Changes of a schema that break the code of the release before, and changes that do not.

Each has a table of its own, all of which the base creates in the same way, and a test of the base
that reads and writes it in SQL. So one run of `make db-compat` decides about all changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.project import Project
from harness.working_copy import revise

# The revision with the tables; those with the changes follow it.
TABLES_REVISION = "b00000000000"
STATE = "VARCHAR(20) NOT NULL CONSTRAINT ck_{table}_state CHECK (state IN ('new', 'done'))"
TABLE = f"""CREATE TABLE {{table}} (
    id INTEGER PRIMARY KEY,
    name VARCHAR(20) NOT NULL,
    kind VARCHAR(20) DEFAULT 'plain' NOT NULL,
    note VARCHAR(20),
    other_id INTEGER,
    state {STATE}
)"""
VIEW = "CREATE VIEW {table}_ids AS SELECT id FROM {table}"
TEST = '''"""What the old code does with each table."""

import pytest
from sqlalchemy import text

from kit.db import Database

TABLES = {tables!r}
STATEMENTS = (
    "INSERT INTO {{}} (id, name, state, other_id) VALUES (1, 'twenty letters long.', 'new', 7)",
    "INSERT INTO {{}} (id, name, state, note) VALUES (2, 'twenty letters long.', 'done', 'n')",
    "UPDATE {{}} SET note = 'changed' WHERE id = 1",
    "SELECT id, name, kind, note, other_id, state FROM {{}}",
    "SELECT id FROM {{}}_ids",
    "DELETE FROM {{}}",
)


@pytest.mark.parametrize("table", TABLES)
async def test_rows(database: Database, table: str) -> None:
    for statement in STATEMENTS:
        async with database.write_sessions.begin() as session:
            await session.execute(text(statement.format(table)))
'''
REJECT = """CREATE TRIGGER {table}_rejects BEFORE UPDATE ON {table} BEGIN
    SELECT RAISE(ABORT, 'rows of {table} are final');
END"""
REJECTING = """CREATE FUNCTION {table}_reject() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'rows of {table} are final'; END $$"""
FOLLOW = """CREATE TRIGGER {table}_follows AFTER UPDATE ON {table} BEGIN
    UPDATE {table} SET title = new.name WHERE id = new.id AND title IS NOT new.name;
END"""
FOLLOWING = """CREATE FUNCTION {table}_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.title := NEW.name; RETURN NEW; END $$"""


@dataclass(frozen=True)
class Change:
    """Statements on PostgreSQL; on SQLite the same, others, or another text of the table."""

    postgresql: Sequence[str]
    sqlite: Sequence[str] = ()
    replaced: tuple[str, str] | None = None
    # What the base has in place of the text column `state`, on PostgreSQL.
    enum: bool = False

    def statements(self, database: str, table: str) -> Iterator[str]:
        chosen = self.postgresql
        if database == "sqlite" and self.replaced:
            old, new = self.replaced
            assert old in TABLE, old
            chosen = ("DROP VIEW {table}_ids", "DROP TABLE {table}", TABLE.replace(old, new), VIEW)
        elif database == "sqlite" and self.sqlite:
            chosen = self.sqlite
        for statement in chosen:
            yield statement.replace("{table}", table)


def alter(action: str) -> tuple[str]:
    return (f"ALTER TABLE {{table}} {action}",)


INCOMPATIBLE: Mapping[str, Change] = {
    "column_dropped": Change(alter("DROP COLUMN note")),
    "column_renamed": Change(alter("RENAME COLUMN note TO remark")),
    "table_dropped": Change(("DROP VIEW {table}_ids", "DROP TABLE {table}")),
    "table_renamed": Change(alter("RENAME TO {table}_items")),
    "view_renamed": Change(
        ("ALTER VIEW {table}_ids RENAME TO {table}_keys",), sqlite=("DROP VIEW {table}_ids",)
    ),
    "column_required": Change(
        alter("ADD COLUMN sku VARCHAR(20) NOT NULL"),
        replaced=("note VARCHAR(20)", "note VARCHAR(20), sku VARCHAR(20) NOT NULL"),
    ),
    "default_dropped": Change(alter("ALTER kind DROP DEFAULT"), replaced=(" DEFAULT 'plain'", "")),
    "null_forbidden": Change(
        alter("ALTER note SET NOT NULL"), replaced=("note VARCHAR(20)", "note VARCHAR(20) NOT NULL")
    ),
    "check_tightened": Change(
        (
            *alter("DROP CONSTRAINT ck_{table}_state"),
            *alter("ADD CONSTRAINT ck_{table}_state CHECK (state = 'new')"),
        ),
        replaced=("'new', 'done'", "'new'"),
    ),
    "enum_value_renamed": Change(
        ("ALTER TYPE {table}_state RENAME VALUE 'done' TO 'closed'",),
        replaced=("'done'", "'closed'"),
        enum=True,
    ),
    "type_narrowed": Change(
        alter("ALTER name TYPE VARCHAR(10)"),
        replaced=("name VARCHAR(20)", "name VARCHAR(10) CHECK (length(name) <= 10)"),
    ),
    "unique_added": Change(("CREATE UNIQUE INDEX uq_{table}_name ON {table} (name)",)),
    "foreign_key_added": Change(
        alter("ADD FOREIGN KEY (other_id) REFERENCES {table} (id)"),
        replaced=("other_id INTEGER", "other_id INTEGER REFERENCES {table} (id)"),
    ),
    "trigger_rejects": Change(
        (
            REJECTING,
            (
                "CREATE TRIGGER {table}_rejects BEFORE UPDATE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION {table}_reject()"
            ),
        ),
        sqlite=(REJECT,),
    ),
}
COMPATIBLE: Mapping[str, Change] = {
    "column_added": Change(alter("ADD COLUMN sku VARCHAR(20)")),
    "column_with_default_added": Change(alter("ADD COLUMN sku VARCHAR(20) DEFAULT '-' NOT NULL")),
    "table_added": Change(("CREATE TABLE {table}_lines (id INTEGER PRIMARY KEY)",)),
    "view_added": Change(("CREATE VIEW {table}_names AS SELECT name FROM {table}",)),
    "index_added": Change(("CREATE INDEX ix_{table}_name ON {table} (name)",)),
    "unique_pair_added": Change(("CREATE UNIQUE INDEX uq_{table} ON {table} (id, name)",)),
    "type_widened": Change(
        alter("ALTER name TYPE VARCHAR(40)"), replaced=("name VARCHAR(20)", "name VARCHAR(40)")
    ),
    "null_allowed": Change(
        alter("ALTER name DROP NOT NULL"),
        replaced=("name VARCHAR(20) NOT NULL", "name VARCHAR(20)"),
    ),
    "default_added": Change(
        alter("ALTER note SET DEFAULT '-'"),
        replaced=("note VARCHAR(20)", "note VARCHAR(20) DEFAULT '-'"),
    ),
    "check_loosened": Change(
        (
            *alter("DROP CONSTRAINT ck_{table}_state"),
            *alter("ADD CONSTRAINT ck_{table}_state CHECK (state IN ('new', 'done', 'void'))"),
        ),
        replaced=("'new', 'done'", "'new', 'done', 'void'"),
    ),
    "enum_value_added": Change(
        ("ALTER TYPE {table}_state ADD VALUE 'void'",),
        replaced=("'new', 'done'", "'new', 'done', 'void'"),
        enum=True,
    ),
    "column_follows_another": Change(
        (
            *alter("ADD COLUMN title VARCHAR(20)"),
            FOLLOWING,
            (
                "CREATE TRIGGER {table}_follows BEFORE INSERT OR UPDATE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION {table}_follow()"
            ),
        ),
        sqlite=(*alter("ADD COLUMN title VARCHAR(20)"), FOLLOW),
    ),
}
CHANGES = {**INCOMPATIBLE, **COMPATIBLE}


def write_base(project: Project, tables: Mapping[str, Change]) -> None:
    """Write the revision that creates these tables; replace the tests by those that use them."""
    statements = []
    for table, change in tables.items():
        statement = TABLE
        if change.enum and project.database == "postgresql":
            statements.append(f"CREATE TYPE {table}_state AS ENUM ('new', 'done')")
            statement = TABLE.replace(STATE, "{table}_state NOT NULL")
        statements += [statement.replace("{table}", table), VIEW.replace("{table}", table)]
    revise(project, TABLES_REVISION, executing(statements))
    tests = project.folder / "tests"
    for path in tests.glob("test_*.py"):
        path.unlink()
    (tests / "test_rows.py").write_text(TEST.format(tables=list(tables)), "utf-8")


def write_changes(project: Project, changes: Mapping[str, Change]) -> None:
    """Write a revision for each change, one after the other."""
    before = TABLES_REVISION
    for number, (table, change) in enumerate(changes.items(), start=1):
        revision = f"c{number:011d}"
        statements = list(change.statements(project.database, table))
        revise(project, revision, executing(statements), after=before, title=table)
        before = revision


def executing(statements: Sequence[str]) -> str:
    """Return the code that executes statements."""
    return "\n".join(f"op.execute({statement!r})" for statement in statements)


def name_of_test(table: str) -> str:
    """Return the name of the test that uses a table."""
    return f"tests/test_rows.py::test_rows[{table}]"
