"""Changes of models that add, change or remove indexes and constraints."""

from harness.changed_tables import (
    LONG,
    LONG_COLUMN,
    LONG_OTHER,
    LONG_TABLE,
    NAMES,
    PARTITIONED,
    SHOP,
    Case,
)

# What edits replace: columns of SHOP, and the place of further arguments of its table.
LABEL = "label: Mapped[str] = mapped_column(sa.String(40))"
CODE = "code: Mapped[str | None] = mapped_column(sa.String(20), unique=True)"
NUMBER = "number: Mapped[int | None] = mapped_column(sa.BigInteger)"
AMOUNT = "amount: Mapped[int] = mapped_column(index=True)"
OWNER = 'owner_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id"))'
TEAM = "    team_id: Mapped[int | None]\n"
PARENT = "parent_id: Mapped[int | None] = mapped_column(sa.BigInteger)"
ARGUMENTS = '        sa.CheckConstraint("amount >= 0", name="amount_is_positive"),\n'
# The same of the other tables.
PARTITIONED_ARGUMENTS = '{"postgresql_partition_by": "RANGE (day)"},)'
LINES_ARGUMENTS = '({"schema": "Sales"},)'
LONG_VALUE = f'value: Mapped[int | None] = mapped_column("{LONG_COLUMN}", sa.Integer)'
LONG_OTHER_VALUE = f'other: Mapped[int | None] = mapped_column("{LONG_OTHER}", sa.Integer)'
LONG_NAME = f'__tablename__ = "{LONG_TABLE}"'


def with_argument(argument: str) -> dict[str, str]:
    """Return the edit that adds an argument of the table of items."""
    return {ARGUMENTS: f"{ARGUMENTS}        {argument},\n"}


INDEXES = [
    Case("index", SHOP, {LABEL: f"{LABEL[:-1]}, index=True)"}),
    Case("index on a table without rows", SHOP, {LABEL: f"{LABEL[:-1]}, index=True)"}, False),
    Case("unique index", SHOP, {NUMBER: f"{NUMBER[:-1]}, index=True, unique=True)"}),
    Case(
        "index on an expression",
        SHOP,
        with_argument('sa.Index("ix_items_lower_label", sa.text("lower(label)"))'),
    ),
    Case(
        "partial index",
        SHOP,
        with_argument(
            'sa.Index("ix_items_open", "opened_at", postgresql_where=sa.text("amount > 0"))'
        ),
    ),
    Case(
        "index with other columns",
        SHOP,
        with_argument(
            'sa.Index("ix_items_team_id", "team_id", "owner_id", postgresql_include=["amount"])'
        ),
    ),
    Case(
        "index with a method",
        SHOP,
        with_argument('sa.Index("ix_items_opened_at", "opened_at", postgresql_using="brin")'),
    ),
    Case("index removed", SHOP, {AMOUNT: "amount: Mapped[int]"}),
    Case(
        "index changed under its name",
        SHOP,
        {
            AMOUNT: "amount: Mapped[int]",
            **with_argument('sa.Index("ix_items_amount", "amount", "number")'),
        },
    ),
    Case(
        "index on a partitioned table",
        PARTITIONED,
        {
            PARTITIONED_ARGUMENTS: f'sa.Index("ix_measures_sensor_id", "sensor_id"),'
            f" {PARTITIONED_ARGUMENTS[:-2]})"
        },
    ),
    Case(
        "index with quoted names in a schema",
        NAMES,
        {LINES_ARGUMENTS: f'(sa.Index("Lines, by user", "user"), {LINES_ARGUMENTS[1:]}'},
    ),
    Case(
        "index with names of 63 characters",
        NAMES,
        {
            LONG_NAME: f"{LONG_NAME}\n"
            f'    __table_args__ = (sa.Index("{LONG.format("ind")}", "{LONG_COLUMN}"),)'
        },
    ),
]
UNIQUE = [
    Case("unique constraint", SHOP, {NUMBER: f"{NUMBER[:-1]}, unique=True)"}),
    Case(
        "deferrable unique constraint of two columns",
        SHOP,
        with_argument(
            'sa.UniqueConstraint("number", "team_id", deferrable=True, initially="DEFERRED")'
        ),
    ),
    Case(
        "unique constraint without two nulls",
        SHOP,
        with_argument('sa.UniqueConstraint("number", "id", postgresql_nulls_not_distinct=True)'),
    ),
    Case("unique constraint removed", SHOP, {CODE: CODE.replace(", unique=True", "")}),
    Case(
        "unique constraint with quoted names in a schema",
        NAMES,
        {LINES_ARGUMENTS: f'(sa.UniqueConstraint("user"), {LINES_ARGUMENTS[1:]}'},
    ),
    Case(
        "unique constraint with a name of 63 characters",
        NAMES,
        {
            LONG_NAME: f"{LONG_NAME}\n    __table_args__ = (sa.UniqueConstraint("
            f'"{LONG_COLUMN}", name="{LONG.format("uni")}"),)'
        },
    ),
    Case(
        "unique constraint on a partitioned table",
        PARTITIONED,
        {
            PARTITIONED_ARGUMENTS: 'sa.UniqueConstraint("day", "id", "sensor_id"),'
            f" {PARTITIONED_ARGUMENTS}"
        },
    ),
]
FOREIGN_KEYS = [
    Case(
        "foreign key",
        SHOP,
        {TEAM: '    team_id: Mapped[int | None] = mapped_column(sa.ForeignKey("teams.id"))\n'},
    ),
    Case(
        "foreign key that is deferrable, ON DELETE SET NULL",
        SHOP,
        {
            TEAM: '    team_id: Mapped[int | None] = mapped_column(sa.ForeignKey("teams.id",'
            ' ondelete="SET NULL", deferrable=True, initially="DEFERRED"))\n'
        },
    ),
    Case(
        "foreign key to its own table",
        SHOP,
        {PARENT: PARENT.replace("sa.BigInteger", 'sa.BigInteger, sa.ForeignKey("items.id")')},
    ),
    Case(
        "foreign key to another schema",
        NAMES,
        {
            "team_id: Mapped[int | None] = mapped_column(sa.Integer)": 'team_id: Mapped[int | None] = mapped_column(sa.ForeignKey("teams.id"))'
        },
    ),
    Case(
        "foreign key of a partitioned table",
        PARTITIONED,
        {
            "sensor_id: Mapped[int]": 'sensor_id: Mapped[int] = mapped_column(sa.ForeignKey("sensors.id"))'
        },
    ),
    Case("foreign key removed", SHOP, {OWNER: "owner_id: Mapped[int]"}),
    Case(
        "foreign key with another ON DELETE",
        SHOP,
        {OWNER: f'{OWNER[:-2]}, ondelete="CASCADE"))'},
    ),
]
CHECKS = [
    Case(
        "CHECK", SHOP, with_argument('sa.CheckConstraint("price >= 0", name="price_is_positive")')
    ),
    Case("CHECK removed", SHOP, {ARGUMENTS: ""}),
    Case(
        "CHECK with a name of 63 characters",
        NAMES,
        {
            LONG_NAME: f"{LONG_NAME}\n    __table_args__ = (sa.CheckConstraint("
            f'"{LONG_COLUMN} < 2000000000", name=sa.sql.naming.conv("{LONG.format("chk")}")),)'
        },
    ),
    Case(
        "CHECK with quoted names in a schema",
        NAMES,
        {
            LINES_ARGUMENTS: "(sa.CheckConstraint('\"user\" > 0', name='user, positive'),"
            f" {LINES_ARGUMENTS[1:]}"
        },
    ),
    Case(
        "CHECK on a partitioned table",
        PARTITIONED,
        {
            PARTITIONED_ARGUMENTS: 'sa.CheckConstraint("sensor_id > 0", name="sensor"),'
            f" {PARTITIONED_ARGUMENTS}"
        },
    ),
]
