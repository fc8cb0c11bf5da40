"""What models have in common: names of constraints, times in UTC, keys, times of changes."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Dialect,
    TypeDecorator,
    bindparam,
    case,
    event,
    inspect,
    text,
)
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, Mapper, declared_attr, mapped_column, object_session
from sqlalchemy.orm.attributes import flag_modified
from uuid_utils.compat import uuid7

__all__ = ["NAMING_CONVENTION", "Timestamped", "UTCDateTime", "UUIDKey"]

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
        if value and value.tzinfo is None:
            raise ValueError("a time without a zone is ambiguous: use datetime.now(UTC)")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is UTC:
            return value
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


class UUIDKey:
    """Adds id, the primary key: a UUID of version 7.

    Those are ordered by time, so new rows go to the end of the index and sort by age.
    """

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)


def time_of_creation(context: DefaultExecutionContext) -> datetime:
    """Return created_at of the row that is being inserted."""
    values = context.get_current_parameters()  # type: ignore[no-untyped-call]
    created_at = values.get("created_at")
    return created_at if isinstance(created_at, datetime) else utc_now()


def time_of_change(created_at: Any) -> ColumnElement[datetime]:  # noqa: ANN401
    """Return the SQL of the time now, or of created_at where this machine's clock is behind."""
    now = bindparam("now", callable_=utc_now, type_=UTCDateTime, unique=True)
    return case((created_at > now, created_at), else_=now)


class Timestamped:
    """Adds created_at and updated_at, which the ORM sets at every insert and update.

    Both are the same for a new row, and updated_at never goes back, whatever the clock does. The
    server defaults serve rows that something else inserts. An UPDATE in plain SQL sets updated_at
    itself.
    """

    created_at: Mapped[datetime] = mapped_column(
        UTCDateTime, default=utc_now, server_default=text("CURRENT_TIMESTAMP"), sort_order=1
    )

    @declared_attr
    def updated_at(cls) -> Mapped[datetime]:  # noqa: N805
        """Return the column; created_at is that of the table, also beside other tables."""
        return mapped_column(
            UTCDateTime,
            default=time_of_creation,
            onupdate=time_of_change(cls.created_at),
            server_default=text("CURRENT_TIMESTAMP"),
            sort_order=2,
        )


@event.listens_for(Timestamped, "before_update", propagate=True)
def set_updated_at(_mapper: Mapper[Any], _connection: object, row: Timestamped) -> None:
    """Set the time of a change here, so that the session need not ask for it."""
    session = object_session(row)
    if session is None or not session.is_modified(row, include_collections=False):
        return
    if inspect(row).attrs.updated_at.history.has_changes():
        return
    # What the session has not loaded is not asked for.
    known = [vars(row).get(name) for name in ("created_at", "updated_at")]
    if "updated_at" in vars(row):
        # A value that stays equal is written, too: the session would ask for what SQL has set.
        flag_modified(row, "updated_at")
    row.updated_at = max([utc_now(), *(time for time in known if time is not None)])
