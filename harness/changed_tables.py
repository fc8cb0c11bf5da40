"""Tables that the cases of model_changes change: their models, rows, and statements of the old release."""

from dataclasses import dataclass, field

HEAD = '''"""Models of a case."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
'''
# Between statements that are edited together.
SEPARATOR = ";\n"


@dataclass(frozen=True)
class Tables:
    """The models of some tables, and what happens to the tables while they change.

    `prepare` are statements before the tables are created, `finish` after it. `fill` has `{rows}`.
    The statements of `reads` and `writes` are those of the release before the change; they have `%(id)s`, the id of
    a random row.
    """

    name: str
    models: str
    fill: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    prepare: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()


def replace_all(text: str, edits: dict[str, str], name: str) -> str:
    """Return the edited text; raise AssertionError unless each edit fits exactly once."""
    for old, new in edits.items():
        assert text.count(old) == 1, f"{name}: {old!r} is {text.count(old)} times in {text}"
        text = text.replace(old, new)
    return text


@dataclass(frozen=True)
class Case:
    """A change of models: texts of their source, and what replaces each of them."""

    name: str
    tables: Tables
    edits: dict[str, str]
    # Whether the tables have rows.
    has_rows: bool = True
    # Of `alembic revision`.
    options: tuple[str, ...] = ()
    # The value of a backfill whose guard cannot know it.
    backfill: str = ""
    # Texts of the writes, and what replaces each of them in the release after the change.
    new_writes: dict[str, str] = field(default_factory=dict)
    # What `make db-lint` finds because there is no safe form.
    rules: tuple[str, ...] = ()
    # Why the downgrade cannot bring back the schema as it was.
    irreversible: str = ""

    @property
    def before(self) -> str:
        """The source of the models before the change."""
        return HEAD + self.tables.models

    @property
    def after(self) -> str:
        """The source of the models after it; raises AssertionError if an edit does not fit."""
        return replace_all(self.before, self.edits, self.name)

    def writes_of_new_code(self) -> list[str]:
        """Return the statements of the release after the change; raise AssertionError as `after`."""
        text = SEPARATOR.join(self.tables.writes)
        return replace_all(text, self.new_writes, self.name).split(SEPARATOR)


SHOP = Tables(
    "shop",
    models="""

class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40))


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    label: Mapped[str] = mapped_column(sa.String(40))
    code: Mapped[str | None] = mapped_column(sa.String(20), unique=True)
    number: Mapped[int | None] = mapped_column(sa.BigInteger)
    amount: Mapped[int] = mapped_column(index=True)
    price: Mapped[Decimal] = mapped_column(sa.Numeric(10, 2))
    position: Mapped[int | None] = mapped_column(server_default="0")
    nickname: Mapped[str] = mapped_column(sa.String(20))
    note: Mapped[str | None] = mapped_column(sa.Text)
    state: Mapped[str] = mapped_column(sa.Enum("new", "done", name="item_state"))
    document: Mapped[Any] = mapped_column(sa.JSON)
    opened_at: Mapped[Any] = mapped_column(sa.DateTime)
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id"))
    team_id: Mapped[int | None]
    parent_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    __table_args__ = (
        sa.CheckConstraint("amount >= 0", name="amount_is_positive"),
    )


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("items.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(sa.String(40))
""",
    fill=(
        "INSERT INTO teams (name) SELECT 'team ' || i FROM generate_series(1, 100) AS i",
        """INSERT INTO items (label, code, number, amount, price, position, nickname, note, state,
            document, opened_at, owner_id, team_id, parent_id)
        SELECT 'item ' || i, 'code ' || i, i, i % 1000, i % 100, NULLIF(i % 25, 24), 'n' || i,
            CASE WHEN i % 20 > 0 THEN 'a note' END, 'new', '{{}}', CURRENT_TIMESTAMP, 1 + i % 100,
            1 + i % 100, NULLIF(i / 2, 0)
        FROM generate_series(1, {rows}) AS i""",
        """INSERT INTO tags (item_id, text)
        SELECT i, 'tag ' || i FROM generate_series(1, least({rows}, 10000)) AS i""",
    ),
    reads=(
        "SELECT * FROM items WHERE id = %(id)s",
        "SELECT * FROM teams WHERE id = 1 + %(id)s %% 100",
        "SELECT * FROM tags WHERE item_id = %(id)s",
    ),
    writes=(
        "UPDATE items SET label = 'old item' WHERE id = %(id)s",
        "UPDATE teams SET name = 'old team' WHERE id = 1 + %(id)s %% 100",
        """INSERT INTO items (label, amount, price, nickname, note, state, document, opened_at,
            owner_id)
        VALUES ('old item', 1, 1, 'old', NULL, 'new', '{}', CURRENT_TIMESTAMP, 1)""",
        "INSERT INTO tags (item_id, text) VALUES (%(id)s, 'old tag')",
    ),
)
LONG = "a_name_of_63_characters_which_is_as_many_as_postgresql_lets_{}"
LONG_TABLE, LONG_COLUMN, LONG_OTHER = (LONG.format(end) for end in ("tab", "col", "oth"))
NAMES = Tables(
    "names",
    models=f"""

class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)


class Order(Base):
    __tablename__ = "Order Lines"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    user: Mapped[int] = mapped_column("user", sa.Integer)
    total: Mapped[int | None] = mapped_column("Total, in %", sa.Integer)
    team_id: Mapped[int | None] = mapped_column(sa.Integer)
    __table_args__ = ({{"schema": "Sales"}},)


class Long(Base):
    __tablename__ = "{LONG_TABLE}"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    value: Mapped[int | None] = mapped_column("{LONG_COLUMN}", sa.Integer)
    other: Mapped[int | None] = mapped_column("{LONG_OTHER}", sa.Integer)
""",
    prepare=('CREATE SCHEMA "Sales"',),
    fill=(
        "INSERT INTO teams SELECT i FROM generate_series(1, 100) AS i",
        """INSERT INTO "Sales"."Order Lines" ("user", "Total, in %", team_id)
        SELECT i, i % 100, 1 + i % 100 FROM generate_series(1, {rows}) AS i""",
        f"""INSERT INTO {LONG_TABLE} ({LONG_COLUMN}, {LONG_OTHER})
        SELECT i, NULLIF(i % 25, 24) FROM generate_series(1, {{rows}}) AS i""",
    ),
    reads=(
        'SELECT * FROM "Sales"."Order Lines" WHERE id = %(id)s',
        f"SELECT * FROM {LONG_TABLE} WHERE id = %(id)s",
    ),
    writes=(
        """INSERT INTO "Sales"."Order Lines" ("user", "Total, in %%", team_id)
        VALUES (1000000000 + floor(random() * 1000000000), NULL, NULL)""",
        'UPDATE "Sales"."Order Lines" SET "Total, in %%" = 1 WHERE id = %(id)s',
        f"INSERT INTO {LONG_TABLE} ({LONG_COLUMN}) VALUES (1000000000 * random())",
        f"UPDATE {LONG_TABLE} SET {LONG_OTHER} = 1 WHERE id = %(id)s",
    ),
)
PARTITIONED = Tables(
    "partitioned",
    models="""

class Sensor(Base):
    __tablename__ = "sensors"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)


class Measure(Base):
    __tablename__ = "measures"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    sensor_id: Mapped[int]
    value: Mapped[int | None]
    unit: Mapped[str] = mapped_column(sa.String(10))
    __table_args__ = ({"postgresql_partition_by": "RANGE (day)"},)
""",
    finish=(
        "CREATE TABLE measures_old PARTITION OF measures FOR VALUES FROM (MINVALUE) TO ('2026-01-01')",
        "CREATE TABLE measures_new PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO (MAXVALUE)",
        "CREATE SEQUENCE numbers_of_measures OWNED BY measures.id",
    ),
    fill=(
        "INSERT INTO sensors SELECT i FROM generate_series(1, 100) AS i",
        """INSERT INTO measures (id, day, sensor_id, value, unit)
        SELECT i, DATE '2026-01-01' + (i % 100 - 50)::integer, 1 + i % 100, NULLIF(i % 25, 24), 'm'
        FROM generate_series(1, {rows}) AS i""",
        "SELECT setval('numbers_of_measures', {rows})",
    ),
    reads=("SELECT * FROM measures WHERE id = %(id)s",),
    writes=(
        "UPDATE measures SET value = 1 WHERE id = %(id)s",
        """INSERT INTO measures (id, day, sensor_id, value, unit)
        VALUES (nextval('numbers_of_measures'), '2026-01-05', 1, NULL, 'm')""",
    ),
)
