"""What all models share: time-ordered keys, and the times at which a row was made and changed."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    bindparam,
    case,
    event,
    inspect,
    text,
)
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Mapper,
    declared_attr,
    mapped_column,
    object_session,
)
from sqlalchemy.orm.attributes import flag_modified
from uuid_utils.compat import uuid7

from app.tables import NAMING_CONVENTION, UTCDateTime

__all__ = ["NAMING_CONVENTION", "Base", "Timestamped", "UTCDateTime", "UUIDKey"]


def utc_now() -> datetime:
    return datetime.now(UTC)


class UUIDKey:
    """Adds id, the primary key: a UUID of version 7.

    Those are ordered by time, so new rows go to the end of the index and sort by age.
    """

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7, sort_order=-1)


class Base(DeclarativeBase):
    """The base of all models. One that names no primary key gets that of UUIDKey."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: UTCDateTime}  # noqa: RUF012

    if TYPE_CHECKING:
        # Of models that do not name UUIDKey, which older ones need not.
        id: Mapped[Any]

    @classmethod
    def __table_cls__(cls, name: str, metadata: MetaData, *items: Any, **options: Any) -> Table:  # noqa: ANN401
        """Return the table of a model: the hook that SQLAlchemy has for this."""
        has_key = any(
            item.primary_key if isinstance(item, Column) else isinstance(item, PrimaryKeyConstraint)
            for item in items
        )
        is_subclass = any("__mapper__" in vars(parent) for parent in cls.__mro__[1:])
        if not has_key and not is_subclass:
            items = (Column("id", Uuid, primary_key=True, default=uuid7), *items)
        return Table(name, metadata, *items, **options)


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
        default=utc_now, server_default=text("CURRENT_TIMESTAMP"), sort_order=1
    )

    @declared_attr
    def updated_at(cls) -> Mapped[datetime]:  # noqa: N805
        """Return the column; created_at is that of the table, also beside other tables."""
        return mapped_column(
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
