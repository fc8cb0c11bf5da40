"""Models whose columns change: before and after, a table per case."""

from dataclasses import dataclass

HEAD = """
import sqlalchemy as sa
from sqlalchemy import Column, Table, text
from sqlalchemy.dialects import postgresql as pg

from app.models.base import Base

"""
# A name as long as PostgreSQL stores it.
LONG = "number_of_the_invoice_that_was_sent_to_the_customer_in_the_year"


@dataclass(frozen=True)
class Case:
    """The columns and constraints of a table before and after a change, without its key.

    `steps` are what the revisions have to contain, in this order, each in a later one.
    """

    before: str
    after: str
    steps: tuple[str, ...]
    # The value of the rows with an even key; the others are NULL, if they may be.
    value: str = "id"
    name: str = "c"
    schema: str = ""


def tighten(table: str, column: str = "c") -> tuple[str, ...]:
    """Return the steps with which a column becomes NOT NULL."""
    check = f"ck_{table}_{column}_not_null"
    return (
        f"CHECK ({column} IS NOT NULL) NOT VALID",
        f"VALIDATE CONSTRAINT {check}",
        f"DROP CONSTRAINT {check}",
    )


INTEGER, BIGINT = 'Column("c", sa.Integer)', 'Column("c", sa.BigInteger)'
REQUIRED = 'Column("c", sa.Integer, nullable=False)'
CHANGED_TYPE = (
    "c_new_sync BEFORE",
    "require_backfill",
    'new_column_name="c_old"',
    "require_unused",
)
CASES = {
    "filled": Case(
        INTEGER,
        'Column("c", sa.Integer, nullable=False, server_default="7")',
        ('server_default="7"', "set=\"c = '7'\""),
    ),
    "flag": Case(
        'Column("c", sa.Boolean)',
        'Column("c", sa.Boolean, nullable=False, default=False)',
        ("c = false", *tighten("flag")[1:]),
        value="true",
    ),
    "nullable": Case(
        'Column("c", sa.Integer, server_default="1")',
        INTEGER,
        ("db-lint: allow ban-drop-default",),
    ),
    "relaxed": Case(REQUIRED, INTEGER, ("nullable=True",)),
    "added": Case("", INTEGER, ('op.add_column("added", sa.Column("c", sa.Integer()',)),
    "constant": Case(
        "",
        'Column("c", sa.String(5), nullable=False, server_default="x")',
        ('sa.Column("c", sa.String(length=5), server_default="x", nullable=False)',),
    ),
    "stable": Case(
        "",
        'Column("c", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())',
        ('server_default=sa.text("now()"), nullable=False)',),
    ),
    "token": Case(
        "",
        'Column("c", sa.Uuid, nullable=False, server_default=text("gen_random_uuid()"))',
        ('sa.Column("c", sa.Uuid(), nullable=True)', *tighten("token")),
    ),
    "token_or_null": Case(
        "",
        'Column("c", sa.Uuid, server_default=text("gen_random_uuid()"))',
        ('op.alter_column(\n        "token_or_null", "c"',),
    ),
    "required": Case(
        "",
        'Column("c", sa.String(9), nullable=False, default="it\'s")',
        (
            'sa.Column("c", sa.String(length=9), nullable=True)',
            "c = 'it''s'",
            *tighten("required")[1:],
        ),
    ),
    "virtual": Case(
        'Column("n", sa.Integer)',
        'Column("n", sa.Integer), Column("c", sa.Integer, sa.Computed("n + 1", persisted=False))',
        ("a virtual column is not stored",),
        name="n",
    ),
    "undefaulted": Case(
        'Column("c", sa.Integer, nullable=False, server_default="1")',
        REQUIRED,
        ('op.add_column("added"', "server_default=None"),
    ),
    "commented": Case(INTEGER, 'Column("c", sa.Integer, comment="in cents")', ("in cents",)),
    "longer": Case(
        'Column("c", sa.String(20)), sa.CheckConstraint("c = lower(c)", name="lower")',
        'Column("c", sa.Text), sa.CheckConstraint("c = lower(c)", name="lower")',
        ('op.alter_column(\n        "longer"', "VALIDATE CONSTRAINT ck_longer_lower"),
        value="'x' || id",
    ),
    "wider": Case(
        'Column("c", sa.Integer, nullable=False, server_default="5", comment="kept")',
        'Column("c", sa.BigInteger, nullable=False, server_default="5", comment="kept")',
        ("wider_c_c_new_sync", *tighten("wider", "c_new"), 'op.alter_column("wider", "c", new'),
    ),
    "everything": Case(
        'Column("c", sa.Integer, sa.ForeignKey("parents.id", ondelete="CASCADE"), index=True),'
        ' Column("d", sa.Integer), sa.CheckConstraint("c < d + 100 OR d IS NULL", name="less"),'
        ' sa.UniqueConstraint("d", "c", deferrable=True, initially="DEFERRED"),'
        ' sa.Index("ix_partial", "d", postgresql_where=text("c > 5")),'
        ' sa.Index("ix_expression", text("(c + 1)"))',
        'Column("c", sa.BigInteger, sa.ForeignKey("parents.id", ondelete="CASCADE"), index=True),'
        ' Column("d", sa.Integer), sa.CheckConstraint("c < d + 100 OR d IS NULL", name="less"),'
        ' sa.UniqueConstraint("d", "c", deferrable=True, initially="DEFERRED"),'
        ' sa.Index("ix_partial", "d", postgresql_where=text("c > 5")),'
        ' sa.Index("ix_expression", text("(c + 1)"))',
        (
            "fk_everything_c_parents_new",
            "IF NOT EXISTS ix_everything_c_new",
            "IF NOT EXISTS ix_expression_new",
            "IF NOT EXISTS ix_partial_new",
            "IF NOT EXISTS uq_everything_d_c_new",
            "UNIQUE USING INDEX uq_everything_d_c_new DEFERRABLE INITIALLY DEFERRED",
            "VALIDATE CONSTRAINT ck_everything_less_new",
            "RENAME CONSTRAINT ck_everything_less_new",
        ),
    ),
    "tree": Case(
        'Column("c", sa.Integer, sa.ForeignKey("tree.id"))',
        'Column("c", sa.BigInteger, sa.ForeignKey("tree.id"))',
        ("fk_tree_c_tree_new", "VALIDATE CONSTRAINT fk_tree_c_tree_new"),
    ),
    "narrower": Case(
        'Column("c", sa.String(50))',
        'Column("c", sa.String(20))',
        ('sa.Column("c_new", sa.String(length=20)', "c::VARCHAR(20)"),
        value="'x' || id",
    ),
    "zoned": Case(
        'Column("c", sa.DateTime)',
        'Column("c", sa.DateTime(timezone=True))',
        ("zoned_c_c_new_sync", "c_new = (c AT TIME ZONE 'UTC')"),
        value="timestamp '2024-01-01' + id * interval '1 hour'",
    ),
    "document": Case(
        'Column("c", pg.JSON)',
        'Column("c", pg.JSONB)',
        ("document_c_c_new_sync", "c_new IS DISTINCT FROM c::JSONB"),
        value="json_build_object('a', id)",
    ),
    "mood": Case(
        'Column("c", sa.Enum("calm", "sad", name="mood_kind"))',
        'Column("c", sa.Enum("calm", "it\'s odd", "sad", "glad", name="mood_kind"))',
        ("ADD VALUE IF NOT EXISTS 'it''s odd' AFTER 'calm'",),
        value="'calm'::mood_kind",
    ),
    "at_once": Case(
        INTEGER,
        'Column("c", sa.BigInteger, nullable=False, server_default="7", comment="new")',
        ("at_once_c_c_new_sync", "set=\"c = '7'\"", *tighten("at_once", "c_new")[1:]),
    ),
    "billed": Case(
        'Column("c", sa.Integer, nullable=False, index=True), schema="billing"',
        'Column("c", sa.BigInteger, nullable=False, index=True), schema="billing"',
        ("ON billing.billed", "ix_billed_c_new", 'require_backfill("billing.billed"'),
        schema="billing",
    ),
    "Group": Case(
        'Column("Select, in %", sa.Integer, nullable=False),'
        ' sa.CheckConstraint(\'"Select, in %" > 0\', name="Above")',
        'Column("Select, in %", sa.BigInteger, nullable=False),'
        ' sa.CheckConstraint(\'"Select, in %" > 0\', name="Above")',
        ('NEW."Select, in %_new"', 'VALIDATE CONSTRAINT "ck_Group_Above_new"'),
        name="Select, in %",
    ),
    LONG: Case(
        f'Column("{LONG}", sa.Integer, nullable=False, unique=True)',
        f'Column("{LONG}", sa.BigInteger, nullable=False, unique=True)',
        ("# ruff: noqa: E501",),
        name=LONG,
    ),
}


def models(cases: dict[str, Case], *, changed: bool) -> str:
    """Return the module of the models, before or after the change."""
    text = HEAD + table("parents", "")
    for name, case in cases.items():
        text += table(name, case.after if changed else case.before)
    return text


def table(name: str, columns: str) -> str:
    key = 'Column("id", sa.BigInteger, primary_key=True)'
    return f'Table("{name}", Base.metadata, {key}, {columns})\n'


def rows(cases: dict[str, Case]) -> str:
    """Return SQL that inserts rows into the tables of the models before the change."""
    statements = ["INSERT INTO parents SELECT generate_series(1, 20);"]
    for name, case in cases.items():
        target = f'"{name}"'
        if case.schema:
            target = f"{case.schema}.{name}"
        columns, values = "id", "id"
        if case.before:
            value = case.value
            if "nullable=False" not in case.before:
                value = f"CASE WHEN id % 2 = 0 THEN {value} END"
            columns, values = f'id, "{case.name}"', f"id, {value}"
        statements.append(
            f"INSERT INTO {target} ({columns}) SELECT {values} FROM generate_series(1, 20) AS id;"
        )
    return "\n".join(statements)
