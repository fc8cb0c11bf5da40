"""Steps of a revision that `make db-lint` reports, with what it prints."""

from typing import NamedTuple

UNUSED = "Release code that does not use it, and drop it one release later."
GO_OVER = "Add a new one, write both, backfill, read the new one, drop the old one a release later."
ALONE = "In a revision of its own: autocommit_block(), postgresql_concurrently, if_not_exists=True."
NOT_VALID = "VALIDATE the constraint in a separate transaction."
BACKFILL = "Rows stay locked. Use make db-backfill."
BROKEN = "The deployed code may break it. First release code that does not, and fix the rows."
UNSEEN = "upgrade() and downgrade() must run as --sql."


class Hazard(NamedTuple):
    """The body of upgrade(), the rule that it breaks, the statement, and how the advice ends.

    On PostgreSQL the advice begins with that of squawk.
    """

    upgrade: str
    rule: str
    sql: str
    advice: str


# What is dangerous on every database, with the same message.
COMMON = [
    Hazard(
        'op.drop_column("users", "name")',
        "ban-drop-column",
        "ALTER TABLE users DROP COLUMN name;",
        UNUSED,
    ),
    Hazard(
        'with op.batch_alter_table("users") as batch:\n    batch.drop_column("name")',
        "ban-drop-column",
        "ALTER TABLE users DROP COLUMN name;",
        UNUSED,
    ),
    Hazard('op.drop_table("users")', "ban-drop-table", "DROP TABLE users;", UNUSED),
    Hazard(
        'op.alter_column("users", "name", new_column_name="title")',
        "renaming-column",
        "ALTER TABLE users RENAME name TO title;",
        GO_OVER,
    ),
    Hazard(
        'op.execute("ALTER TABLE users RENAME COLUMN name TO title")',
        "renaming-column",
        "ALTER TABLE users RENAME COLUMN name TO title;",
        GO_OVER,
    ),
    Hazard(
        'op.rename_table("users", "people")',
        "renaming-table",
        "ALTER TABLE users RENAME TO people;",
        GO_OVER,
    ),
    Hazard(
        'op.execute("UPDATE users SET name = email")',
        "backfill",
        "UPDATE users SET name = email;",
        BACKFILL,
    ),
    Hazard(
        'op.execute("""\n    -- none is left out\n    WITH few AS (SELECT 1)\n    UPDATE users'
        ' SET name = email\n""")',
        "backfill",
        "UPDATE users SET name = email;",
        BACKFILL,
    ),
    Hazard(
        'op.execute("WITH few AS (SELECT 1) DELETE FROM users")',
        "backfill",
        "DELETE FROM users;",
        BACKFILL,
    ),
    Hazard(
        'op.execute("INSERT INTO people (id)\\nSELECT id FROM users")',
        "backfill",
        "INSERT INTO people (id)",
        BACKFILL,
    ),
    Hazard(
        'op.get_bind().execute(sa.table("users", sa.column("id")).delete())',
        "backfill",
        "DELETE FROM users;",
        BACKFILL,
    ),
    Hazard(
        'op.get_bind().execute(sa.text("SELECT 1")).scalar_one()',
        "unreadable",
        "AttributeError(\"'NoneType' object has no attribute 'scalar_one'\")",
        UNSEEN,
    ),
]
HAZARDS = {
    "postgresql": [
        Hazard(
            'op.add_column("users", sa.Column("a", sa.Integer(), nullable=False))',
            "adding-required-field",
            "ALTER TABLE users ADD COLUMN a INTEGER NOT NULL;",
            "Make the field nullable or add a non-VOLATILE DEFAULT",
        ),
        Hazard(
            'op.add_column("users", sa.Column("a", sa.Uuid(),'
            ' server_default=sa.text("gen_random_uuid()")))',
            "adding-field-with-default",
            "ALTER TABLE users ADD COLUMN a UUID DEFAULT gen_random_uuid();",
            "add a trigger to update the column on write instead.",
        ),
        Hazard(
            'op.alter_column("users", "name", nullable=False)',
            "adding-not-nullable-field",
            "ALTER TABLE users ALTER COLUMN name SET NOT NULL;",
            "Make the field nullable and use a `CHECK` constraint instead.",
        ),
        Hazard(
            'op.create_index("ix_users_name", "users", ["name"])',
            "require-concurrent-index-creation",
            "CREATE INDEX ix_users_name ON users (name);",
            ALONE,
        ),
        Hazard(
            'op.drop_index("ix_users_name")',
            "require-concurrent-index-deletion",
            "DROP INDEX ix_users_name;",
            ALONE,
        ),
        Hazard(
            'op.create_index("ix", "users", ["name"], postgresql_concurrently=True,'
            " if_not_exists=True)",
            "ban-concurrent-index-creation-in-transaction",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON users (name);",
            ALONE,
        ),
        Hazard(
            "with op.get_context().autocommit_block():\n"
            '    op.create_index("ix", "users", ["name"], postgresql_concurrently=True)',
            "prefer-robust-stmts",
            "CREATE INDEX CONCURRENTLY ix ON users (name);",
            ALONE,
        ),
        Hazard(
            'op.add_column("users", sa.Column("a", sa.Integer()))\n'
            "with op.get_context().autocommit_block():\n"
            '    op.create_index("ix", "users", ["a"], postgresql_concurrently=True,'
            " if_not_exists=True)",
            "mixed-autocommit",
            "COMMIT;",
            f"What comes before stays if the rest fails. {ALONE}",
        ),
        Hazard(
            'op.add_column("users", sa.Column("a", sa.Enum("x", name="a")))',
            "native-enum",
            "sa.Enum('x', name='a')",
            "or create_type=False, with CREATE TYPE and DROP TYPE.",
        ),
        Hazard(
            'op.alter_column("users", "name", type_=sa.Text())',
            "changing-column-type",
            "ALTER TABLE users ALTER COLUMN name TYPE TEXT;",
            GO_OVER,
        ),
        Hazard(
            'op.create_foreign_key("fk", "users", "teams", ["team_id"], ["id"])',
            "adding-foreign-key-constraint",
            "ALTER TABLE users ADD CONSTRAINT fk FOREIGN KEY(team_id) REFERENCES teams (id);",
            NOT_VALID,
        ),
        Hazard(
            'op.create_check_constraint("ck", "users", "a > 1")',
            "constraint-missing-not-valid",
            "ALTER TABLE users ADD CONSTRAINT ck CHECK (a > 1);",
            "Use `NOT VALID` with a later `VALIDATE CONSTRAINT` call.",
        ),
        Hazard(
            'op.create_unique_constraint("uq", "users", ["name"])',
            "disallowed-unique-constraint",
            "ALTER TABLE users ADD CONSTRAINT uq UNIQUE (name);",
            "Create an index `CONCURRENTLY` and create the constraint using the index.",
        ),
        Hazard(
            'op.execute("DO $$ BEGIN UPDATE users SET name = email; END $$")',
            "backfill",
            "UPDATE users SET name = email; END $$;",
            BACKFILL,
        ),
    ],
    "sqlite": [
        Hazard(
            'op.add_column("users", sa.Column("a", sa.Integer(), nullable=False))',
            "adding-required-field",
            "ALTER TABLE users ADD COLUMN a INTEGER NOT NULL;",
            "The deployed code and existing rows have no value for it. Add a server_default.",
        ),
        Hazard(
            'with op.batch_alter_table("users") as batch:\n'
            '    batch.alter_column("name", nullable=False)',
            "adding-not-nullable-field",
            "ALTER TABLE users ALTER COLUMN name SET NOT NULL;",
            BROKEN,
        ),
        Hazard(
            'with op.batch_alter_table("users") as batch:\n'
            '    batch.alter_column("name", type_=sa.Text())',
            "changing-column-type",
            "ALTER TABLE users ALTER COLUMN name TYPE TEXT;",
            GO_OVER,
        ),
        Hazard(
            'with op.batch_alter_table("users") as batch:\n'
            '    batch.create_check_constraint("ck", "a > 1")',
            "adding-constraint",
            "ALTER TABLE users ADD CONSTRAINT ck CHECK (a > 1);",
            BROKEN,
        ),
        Hazard(
            'with op.batch_alter_table("users") as batch:\n'
            '    batch.create_unique_constraint("uq", ["name"])',
            "adding-constraint",
            "ALTER TABLE users ADD CONSTRAINT uq UNIQUE (name);",
            BROKEN,
        ),
        Hazard(
            'with op.batch_alter_table("users") as batch:\n'
            '    batch.create_foreign_key("fk", "teams", ["team_id"], ["id"])',
            "adding-constraint",
            "ALTER TABLE users ADD CONSTRAINT fk FOREIGN KEY(team_id) REFERENCES teams (id);",
            BROKEN,
        ),
    ],
}
