"""Changes of models that add or change columns."""

from harness.changed_tables import LONG_COLUMN, NAMES, PARTITIONED, SHOP, Case
from harness.index_changes import (
    AMOUNT,
    ARGUMENTS,
    LABEL,
    LONG_OTHER_VALUE,
    LONG_VALUE,
    NUMBER,
    with_argument,
)

POSITION = 'position: Mapped[int | None] = mapped_column(server_default="0")'
PRICE = "price: Mapped[Decimal] = mapped_column(sa.Numeric(10, 2))"
NOTE = "note: Mapped[str | None] = mapped_column(sa.Text)"
DOCUMENT = "document: Mapped[Any] = mapped_column(sa.JSON)"
OPENED = "opened_at: Mapped[Any] = mapped_column(sa.DateTime)"
STATE = 'sa.Enum("new", "done", name="item_state")'
TEAM_KEY = "id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)\n    name"
TEAM_NAME = "name: Mapped[str] = mapped_column(sa.String(40))"
VALUE = "value: Mapped[int | None]\n"
UNIT = "unit: Mapped[str] = mapped_column(sa.String(10))"
TOTAL = 'total: Mapped[int | None] = mapped_column("Total, in %", sa.Integer)'
# What the new release inserts into SHOP for a column that has become NOT NULL.
NEW_SIZE = {"INTO items (": "INTO items (size, ", "('old item'": "(1, 'old item'"}
NEW_NUMBER = {"INTO items (": "INTO items (number, ", "('old item'": "(1, 'old item'"}
TOKEN = 'mapped_column(sa.Uuid, server_default=sa.text("gen_random_uuid()"))'


def with_column(column: str, table: str = LABEL) -> dict[str, str]:
    """Return the edit that adds a column after another one."""
    return {table: f"{table.rstrip()}\n    {column}\n"}


NEW = [
    Case("new nullable column", SHOP, with_column("size: Mapped[int | None]")),
    Case(
        "new column, not null, constant default",
        SHOP,
        with_column('size: Mapped[int] = mapped_column(server_default="1")'),
    ),
    Case(
        "new column, not null, stable default",
        SHOP,
        with_column(
            "added_at: Mapped[datetime] = mapped_column("
            'server_default=sa.text("CURRENT_TIMESTAMP"))'
        ),
    ),
    Case(
        "new column, not null, volatile default", SHOP, with_column(f"token: Mapped[Any] = {TOKEN}")
    ),
    Case(
        "new nullable column, volatile default",
        SHOP,
        with_column(f"token: Mapped[Any | None] = {TOKEN}"),
    ),
    Case(
        "new column, not null, no default",
        SHOP,
        with_column("size: Mapped[int]"),
        backfill="1",
        new_writes=NEW_SIZE,
    ),
    Case(
        "new column, not null, no default, no rows",
        SHOP,
        with_column("size: Mapped[int]"),
        has_rows=False,
    ),
    Case(
        "new column on a partitioned table",
        PARTITIONED,
        with_column('size: Mapped[int] = mapped_column(server_default="1")', UNIT),
    ),
    Case(
        "new columns with an index, a foreign key and a CHECK",
        SHOP,
        {
            **with_column(
                'second_id: Mapped[int | None] = mapped_column(sa.ForeignKey("teams.id"), index=True)'
                '\n    size: Mapped[int] = mapped_column(server_default="1")'
            ),
            **with_argument('sa.CheckConstraint("size > 0", name="size_is_positive")'),
        },
    ),
    Case(
        "new table with a foreign key",
        SHOP,
        {
            "class Tag(Base)": """class Price(Base):
    __tablename__ = "prices"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("items.id"), index=True)
    __table_args__ = (sa.CheckConstraint("id > 0", name="id_is_positive"),)


class Tag(Base)"""
        },
    ),
    Case(
        "new value of a native enum",
        SHOP,
        {STATE: STATE.replace('"done"', '"done", "gone"')},
        irreversible="a value of an enum cannot be dropped",
    ),
    Case(
        "comments",
        SHOP,
        {
            LABEL: f'{LABEL[:-1]}, comment="50% of it\'s name")',
            ARGUMENTS: f'{ARGUMENTS}        {{"comment": "What is sold"}},\n',
        },
    ),
    Case("server default added", SHOP, {NUMBER: f'{NUMBER[:-1]}, server_default="7")'}),
    Case("server default changed", SHOP, {POSITION: POSITION.replace('"0"', '"1"')}),
    Case("server default removed", SHOP, {POSITION: "position: Mapped[int | None]"}),
    Case(
        "column of a table that others refer to",
        SHOP,
        with_column('size: Mapped[int] = mapped_column(server_default="1")', TEAM_NAME),
    ),
]
NOT_NULL = [
    Case("not null, with a default", SHOP, {POSITION: POSITION.replace("int | None", "int")}),
    Case(
        "not null, without a default",
        SHOP,
        {NOTE: NOTE.replace("str | None", "str")},
        backfill="''",
        new_writes={"'old', NULL, 'new'": "'old', '', 'new'"},
    ),
    Case("not null, no rows", SHOP, {NOTE: NOTE.replace("str | None", "str")}, has_rows=False),
    Case("nullable", SHOP, {LABEL: LABEL.replace("[str]", "[str | None]")}),
    Case(
        "not null on a partitioned table",
        PARTITIONED,
        {VALUE: "value: Mapped[int]\n"},
        backfill="0",
        new_writes={"1, NULL, 'm'": "1, 0, 'm'"},
    ),
    Case(
        "not null with a quoted name in a schema",
        NAMES,
        {TOTAL: TOTAL.replace("int | None", "int")},
        backfill="0",
    ),
    Case(
        "not null with names of 63 characters",
        NAMES,
        {LONG_OTHER_VALUE: LONG_OTHER_VALUE.replace("int | None", "int")},
        backfill="0",
    ),
    Case(
        "not null and an index of the same column",
        SHOP,
        {POSITION: POSITION.replace("int | None", "int").replace(")", ", index=True)")},
    ),
    Case(
        "not null and another default",
        SHOP,
        {POSITION: POSITION.replace("int | None", "int").replace('"0"', '"1"')},
    ),
]
TYPES = [
    Case("longer varchar", SHOP, {LABEL: LABEL.replace("40", "80")}),
    Case("varchar to text", SHOP, {LABEL: LABEL.replace("sa.String(40)", "sa.Text")}),
    Case("numeric with more digits", SHOP, {PRICE: PRICE.replace("10, 2", "12, 2")}),
    Case(
        "integer to bigint", SHOP, {POSITION: POSITION.replace("(server", "(sa.BigInteger, server")}
    ),
    Case(
        "integer to bigint with index and CHECK",
        SHOP,
        {AMOUNT: AMOUNT.replace("(", "(sa.BigInteger, ")},
    ),
    Case("shorter varchar", SHOP, {LABEL: LABEL.replace("40", "30")}),
    Case("json to jsonb", SHOP, {DOCUMENT: DOCUMENT.replace("sa.JSON", "postgresql.JSONB")}),
    Case(
        "timestamp to timestamptz",
        SHOP,
        {OPENED: OPENED.replace("DateTime", "DateTime(timezone=True)")},
    ),
    Case(
        "integer to bigint on a partitioned table",
        PARTITIONED,
        {VALUE: "value: Mapped[int | None] = mapped_column(sa.BigInteger)\n"},
    ),
    Case(
        "integer to bigint with a quoted name in a schema",
        NAMES,
        {TOTAL: TOTAL.replace("sa.Integer", "sa.BigInteger")},
    ),
    Case(
        "integer to bigint with names of 63 characters",
        NAMES,
        {LONG_VALUE: LONG_VALUE.replace("sa.Integer", "sa.BigInteger")},
    ),
    Case(
        "integer to bigint of a key that others refer to",
        SHOP,
        {TEAM_KEY: TEAM_KEY.replace("sa.Integer", "sa.BigInteger")},
        rules=("changing-column-type",),
    ),
    Case(
        "type and not null",
        SHOP,
        {NUMBER: "number: Mapped[int] = mapped_column(sa.Numeric(20, 0))"},
        backfill="0",
        new_writes=NEW_NUMBER,
    ),
]
__all__ = ["LONG_COLUMN", "NEW", "NOT_NULL", "TYPES"]
