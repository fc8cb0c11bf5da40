"""Changes of models that remove or rename columns and tables, and several changes together."""

from harness.changed_tables import LONG, LONG_COLUMN, LONG_TABLE, NAMES, PARTITIONED, SHOP, Case
from harness.column_changes import NOTE, POSITION, PRICE, TEAM_NAME, TOTAL, with_column
from harness.index_changes import (
    AMOUNT,
    ARGUMENTS,
    LABEL,
    LONG_VALUE,
    NUMBER,
    OWNER,
    TEAM,
    with_argument,
)

NICKNAME = "    nickname: Mapped[str] = mapped_column(sa.String(20))\n"
ALIAS = NICKNAME.replace("nickname", "alias")
TAG = SHOP.models[SHOP.models.index("class Tag(Base)") :]
PARTITIONED_VALUE = "    value: Mapped[int | None]\n"
VALUES_LOST = "the column comes back without its values, so without NOT NULL"

REMOVED = [
    Case("column removed, not null", SHOP, {NICKNAME: ""}, irreversible=VALUES_LOST),
    Case("column removed, nullable", SHOP, {NOTE: ""}),
    Case("column removed with its foreign key", SHOP, {OWNER: ""}, irreversible=VALUES_LOST),
    Case(
        "column removed with its index and CHECK",
        SHOP,
        {AMOUNT: "", ARGUMENTS: ""},
        irreversible=VALUES_LOST,
    ),
    Case("column removed from a partitioned table", PARTITIONED, {PARTITIONED_VALUE: ""}),
    Case("column with a quoted name removed from a schema", NAMES, {TOTAL: ""}),
    Case("table removed", SHOP, {TAG: ""}),
]
RENAMED = [
    Case(
        "column renamed, not null",
        SHOP,
        {NICKNAME: ALIAS},
        options=("-x", "rename=items.nickname:alias"),
    ),
    Case(
        "column renamed, nullable",
        SHOP,
        {NOTE: NOTE.replace("note", "remark")},
        options=("-x", "rename=items.note:remark"),
    ),
    Case(
        "column renamed without an answer",
        SHOP,
        {NICKNAME: ALIAS},
        backfill="'none'",
        rules=("possible-rename",),
        irreversible=VALUES_LOST,
    ),
    Case(
        "column renamed on a partitioned table",
        PARTITIONED,
        {PARTITIONED_VALUE: PARTITIONED_VALUE.replace("value", "amount")},
        options=("-x", "rename=measures.value:amount"),
    ),
    Case(
        "column with names of 63 characters renamed",
        NAMES,
        {LONG_VALUE: LONG_VALUE.replace(LONG_COLUMN, LONG.format("new"))},
        options=("-x", f"rename={LONG_TABLE}.{LONG_COLUMN}:{LONG.format('new')}"),
    ),
    Case(
        "table renamed",
        SHOP,
        {'"tags"': '"labels"'},
        options=("-x", "rename=tags:labels"),
    ),
]
SEVERAL = [
    Case(
        "index and foreign key of the same column",
        SHOP,
        {
            TEAM: '    team_id: Mapped[int | None] = mapped_column(sa.ForeignKey("teams.id"),'
            " index=True)\n"
        },
    ),
    Case(
        "not null of one column and type of another",
        SHOP,
        {
            POSITION: POSITION.replace("int | None", "int"),
            PRICE: PRICE.replace("10, 2", "12, 3"),
        },
    ),
    Case(
        "column removed, another one added with an index",
        SHOP,
        {
            **with_column("size: Mapped[int | None] = mapped_column(index=True)", NUMBER),
            NOTE: "",
        },
    ),
    Case(
        "unique constraint and CHECK",
        SHOP,
        {
            NUMBER: f"{NUMBER[:-1]}, unique=True)",
            **with_argument('sa.CheckConstraint("number > 0", name="number_is_positive")'),
        },
    ),
    Case(
        "changes of two tables that refer to each other",
        SHOP,
        {
            TEAM_NAME: f"{TEAM_NAME[:-1]}, index=True)",
            LABEL: f'{LABEL[:-1]}, server_default="none")',
        },
    ),
]
