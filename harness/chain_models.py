"""Models before and after many changes of indexes and constraints, and rows of those before."""

HEAD = """
from sqlalchemy import *
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from kit.models import UUIDKey

"""
# Names as long as PostgreSQL allows.
LONG = {"index": "ix_" + "i" * 60, "unique": "uq_" + "u" * 60, "check": "c" * 54}
FORMER = """
class Team(UUIDKey, Base):
    __tablename__ = "teams"
    name: Mapped[str] = mapped_column(String(50))


class Item(UUIDKey, Base):
    __tablename__ = "items"
    __table_args__ = (
        Index("ix_items_changed", "a"),
        Index("ix_items_dropped", "b", postgresql_where=text("b > 5")),
        UniqueConstraint("a", "b", name="uq_items_changed"),
        UniqueConstraint("c", name="uq_items_dropped", postgresql_include=["d"]),
        CheckConstraint("a <> 0", name="dropped"),
    )
    a: Mapped[int]
    b: Mapped[int]
    c: Mapped[str | None] = mapped_column(String(100))
    d: Mapped[str | None] = mapped_column(String(100))
    changed_id = mapped_column(ForeignKey("teams.id"))
    dropped_id = mapped_column(ForeignKey("teams.id"))
    deferred_id = mapped_column(Uuid)
    parent_id = mapped_column(Uuid)
    long: Mapped[int] = mapped_column("l" * 60)


class Visit(Base):
    __tablename__ = "visits"
    __table_args__ = {"postgresql_partition_by": "RANGE (day)"}
    id: Mapped[int] = mapped_column(primary_key=True)
    day = mapped_column(Date, primary_key=True)
    team_id = mapped_column(Uuid)
    place: Mapped[int]


class Bill(UUIDKey, Base):
    __tablename__ = "bills"
    __table_args__ = {"schema": "shop-1"}
    number: Mapped[int]
    user_id = mapped_column(Uuid)
"""
LATER = f"""
class Team(UUIDKey, Base):
    __tablename__ = "teams"
    __table_args__ = (Index("uq_teams_lower", func.lower(text("name")), unique=True),)
    name: Mapped[str] = mapped_column(String(50))
    code: Mapped[str | None] = mapped_column(String(50), unique=True)


class Item(UUIDKey, Base):
    __tablename__ = "items"
    __table_args__ = (
        Index("ix_items_changed", "a", "b"),
        Index(
            "ix_items_partial", "b", unique=True,
            postgresql_where=text(r"b > 5 AND c <> ':a%' AND c <> ' \\:a%'"),
        ),
        Index(
            "ix_items_options", "c", postgresql_ops={{"c": "text_pattern_ops"}},
            postgresql_include=["d"], postgresql_with={{"fillfactor": 50}},
        ),
        Index("ix_items_words", text("to_tsvector('english', c)"), postgresql_using="gin"),
        Index("{LONG["index"]}", "d"),
        UniqueConstraint("a", "c", name="uq_items_changed"),
        UniqueConstraint(
            "a", "d", name="uq_items_deferred", deferrable=True, initially="DEFERRED"
        ),
        UniqueConstraint("b", "d", name="uq_items_nulls", postgresql_nulls_not_distinct=True),
        UniqueConstraint("b", postgresql_include=["c"], name="{LONG["unique"]}"),
        CheckConstraint(text(r"a > 0 AND c <> ' \\:a%'"), name="positive"),
        CheckConstraint("b > 0", name="{LONG["check"]}"),
        ForeignKeyConstraint(["team_code"], ["teams.code"]),
        ForeignKeyConstraint(["visit_id", "visit_day"], ["visits.id", "visits.day"]),
    )
    a: Mapped[int] = mapped_column(index=True)
    b: Mapped[int]
    c: Mapped[str | None] = mapped_column(String(100))
    d: Mapped[str | None] = mapped_column(String(100))
    team_code: Mapped[str | None] = mapped_column(String(50))
    visit_id: Mapped[int | None]
    visit_day = mapped_column(Date)
    changed_id = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"))
    dropped_id = mapped_column(Uuid)
    deferred_id = mapped_column(
        ForeignKey("teams.id", deferrable=True, initially="DEFERRED"), index=True
    )
    parent_id = mapped_column(ForeignKey("items.id", ondelete="SET NULL"))
    long: Mapped[int] = mapped_column("l" * 60, index=True)


class Visit(Base):
    __tablename__ = "visits"
    __table_args__ = (
        UniqueConstraint("day", "id", name="uq_visits_day"),
        CheckConstraint("place >= 0", name="place"),
        {{"postgresql_partition_by": "RANGE (day)"}},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    day = mapped_column(Date, primary_key=True)
    team_id = mapped_column(ForeignKey("teams.id"))
    place: Mapped[int] = mapped_column(index=True)


class Bill(UUIDKey, Base):
    __tablename__ = "bills"
    __table_args__ = (UniqueConstraint("number"), {{"schema": "shop-1"}})
    number: Mapped[int] = mapped_column(index=True)
    user_id = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))


class Tag(UUIDKey, Base):
    __tablename__ = "tags"
    name: Mapped[str] = mapped_column(String(50), unique=True, index=True)
    bill_id = mapped_column(ForeignKey("shop-1.bills.id"))
"""
PARTITIONS = """
CREATE TABLE visits_january PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE visits_later PARTITION OF visits DEFAULT PARTITION BY RANGE (day, id);
CREATE TABLE visits_latest PARTITION OF visits_later DEFAULT;
"""
ROWS = f"""
INSERT INTO visits (id, day, place)
    SELECT number, date '2026-01-15' + mod(number, 40), number FROM generate_series(1, 1000) number;
INSERT INTO items (id, a, b, c, "{"l" * 60}")
    SELECT gen_random_uuid(), number, number, 'c' || number, number
    FROM generate_series(1, 1000) number;
INSERT INTO "shop-1".bills (id, number)
    SELECT gen_random_uuid(), number FROM generate_series(1, 100) number;
"""
# Definitions of what the changes are about, without the names of partitions' indexes.
DEFINITIONS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(pg_constraint.oid), convalidated
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE connamespace::regnamespace::text IN ('public', '"shop-1"') AND NOT relispartition
    AND contype <> 'n' AND conparentid = 0 AND relname NOT LIKE 'alembic%'
UNION ALL
SELECT tablename, indexname, indexdef, indisvalid
FROM pg_indexes
JOIN pg_index ON indexrelid = to_regclass(format('%I.%I', schemaname, indexname))
JOIN pg_class ON pg_class.oid = indrelid
WHERE schemaname IN ('public', 'shop-1') AND NOT relispartition AND relname NOT LIKE 'alembic%'
ORDER BY 1, 2, 3
"""
