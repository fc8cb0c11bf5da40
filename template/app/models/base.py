"""What all models share: time-ordered keys, and the times at which a row was made and changed."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import MetaData, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.tables import NAMING_CONVENTION, UTCDateTime

__all__ = ["NAMING_CONVENTION", "Base", "Timestamped", "UTCDateTime"]


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
        default=utc_now, onupdate=utc_now, server_default=text("CURRENT_TIMESTAMP"), sort_order=1
    )
