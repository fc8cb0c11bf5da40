"""What all models share: names of constraints, time-ordered keys, times in UTC."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import DateTime, Dialect, MetaData, TypeDecorator, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

# Every constraint has a name that a later revision can drop, the same on every database.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UTCDateTime(TypeDecorator[datetime]):
    """A point in time: aware in Python, UTC in the database, also where that stores no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone is ambiguous: use datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is UTC:
            return value
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """The base of all models."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: UTCDateTime}  # noqa: RUF012

    # Version 7: ordered by time, so new rows go to the end of the index and sort by age.
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)


class Timestamped:
    """Adds created_at and updated_at, which the ORM sets at every insert and update.

    The server defaults serve rows that something else inserts. An UPDATE in plain SQL sets
    updated_at itself.
    """

    created_at: Mapped[datetime] = mapped_column(
        default=utc_now, server_default=text("CURRENT_TIMESTAMP"), sort_order=1
    )
    updated_at: Mapped[datetime] = mapped_column(
        default=utc_now,
        onupdate=utc_now,
        server_default=text("CURRENT_TIMESTAMP"),
        sort_order=1,
    )
