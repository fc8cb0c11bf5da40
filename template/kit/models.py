"""Parts of models: constraint names, times in UTC, primary keys, timestamps."""

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

# Names every constraint, identically on every database, so that a revision can drop it.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UTCDateTime(TypeDecorator[datetime]):
    """A time that is aware and in UTC in Python, even if the database stores no time zone."""

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
        if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


class UUIDKey:
    """Adds the primary key `id`: a UUID of version 7.

    These UUIDs are ordered by time: new rows go to the end of the index, and rows sort by age.
    """

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)


def time_of_creation(context: DefaultExecutionContext) -> datetime:
    """Return created_at of the inserted row."""
    values = context.get_current_parameters()  # type: ignore[no-untyped-call]
    created_at = values.get("created_at")
    if isinstance(created_at, datetime):
        return created_at
    return utc_now()


def time_of_change(created_at: Any) -> ColumnElement[datetime]:  # noqa: ANN401
    """Return SQL for the current time, or for created_at if this machine's clock is behind."""
    now = bindparam("now", callable_=utc_now, type_=UTCDateTime, unique=True)
    return case((created_at > now, created_at), else_=now)


class Timestamped:
    """Adds created_at and updated_at, which SQLAlchemy sets at every insert and update.

    They are equal for a new row. updated_at never decreases, even if the clock does. An INSERT in
    plain SQL gets the server defaults; an UPDATE in plain SQL must set updated_at.
    """

    created_at: Mapped[datetime] = mapped_column(
        UTCDateTime, default=utc_now, server_default=text("CURRENT_TIMESTAMP"), sort_order=1
    )

    @declared_attr
    def updated_at(cls) -> Mapped[datetime]:  # noqa: N805
        """Return the column, which refers to created_at of the same model."""
        return mapped_column(
            UTCDateTime,
            default=time_of_creation,
            onupdate=time_of_change(cls.created_at),
            server_default=text("CURRENT_TIMESTAMP"),
            sort_order=2,
        )


@event.listens_for(Timestamped, "before_update", propagate=True)
def set_updated_at(_mapper: Mapper[Any], _connection: object, row: Timestamped) -> None:
    """Set updated_at in Python, so that the session does not need to read it back."""
    session = object_session(row)
    if session is None or not session.is_modified(row, include_collections=False):
        return
    if inspect(row).attrs.updated_at.history.has_changes():
        return
    times = [utc_now()]
    for name in ("created_at", "updated_at"):
        # vars() does not load attributes that the session has not loaded.
        time = vars(row).get(name)
        if time is not None:
            times.append(time)
    if "updated_at" in vars(row):
        # Write the value even if it is equal; otherwise `onupdate` would set another one.
        flag_modified(row, "updated_at")
    row.updated_at = max(times)
