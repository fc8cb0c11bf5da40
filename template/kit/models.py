"""Parts of models: constraint names, types of columns, keys, times, owners, versions."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnDefault,
    ColumnElement,
    DateTime,
    Dialect,
    LargeBinary,
    String,
    Text,
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

from kit._internal import deletion, owners
from kit._internal.column_types import ExactDecimal, TextEnum
from kit._internal.deletion import DeletionError

__all__ = [
    "NAMING_CONVENTION",
    "DeletionError",
    "ExactDecimal",
    "IdempotencyKeys",
    "Owned",
    "SoftDeleted",
    "TextEnum",
    "Timestamped",
    "UTCDateTime",
    "UUIDKey",
    "Versioned",
    "unused",
]

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


class Owned:
    """Adds `owner`: the subject of the principal to whom a row belongs, such as a user's id.

    Routes use these models by OwnedRows of kit.auth.owners; Database and its sessions refuse them,
    so that no statement forgets whose rows it is for.
    """

    # The longest subject of OpenID Connect Core 1.0, 2.
    owner: Mapped[str] = mapped_column(String(255), index=True)

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**options)
        owners.register(cls, Owned)


class IdempotencyKeys:
    """Adds the columns of answers to requests with an Idempotency-Key: see kit.idempotency.

    Keys are stored as hashes, answers as they were sent until expires_at.
    """

    # Of the client, the method, the path and the key.
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    # Of the query string and the body.
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    headers: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)


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


class Versioned:
    """Adds `version`: 1 for a new row, + 1 with every update by SQLAlchemy.

    kit.versions makes it the ETag of a row. A session that updates or deletes a row that has
    changed since it was read raises StaleDataError, which is answered with 409. What SQLAlchemy
    does not count has to set `version`: UPDATE in plain SQL, ON CONFLICT DO UPDATE, and bulk
    updates by primary key, which take the version that was read.
    """

    version: Mapped[int] = mapped_column(default=1, server_default=text("1"), sort_order=3)

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        # A subclass of a mapped model inherits the column of its table.
        if not hasattr(cls, "__mapper__"):
            arguments = dict(getattr(cls, "__mapper_args__", {}))
            arguments.setdefault("version_id_col", Versioned.version)
            cls.__mapper_args__ = arguments  # type: ignore[attr-defined]
        super().__init_subclass__(**options)


@event.listens_for(Versioned.version.column, "after_parent_attach", propagate=True)
def count_updates(version: Column[int], _table: object) -> None:
    """Make each UPDATE count: also those that do not come from a session."""
    version.onupdate = ColumnDefault(version + 1, for_update=True)


class SoftDeleted:
    """Adds `deleted_at`: deleting a row sets it, and the row stays in the database.

    Database, OwnedRows and sessions do not see deleted rows, except in statements with
    `execution_options(include_deleted=True)`. Their delete(), and delete() of a session, set the
    time; a DELETE statement raises DeletionError. To restore a row, set it to None in such a
    statement: `update(Product).where(...).values(deleted_at=None)`.

    Foreign keys to a deleted row stay valid. A value that only one row that is not deleted may have
    needs a partial index instead of a unique constraint:

        Index("uq_products_sku", "sku", unique=True, postgresql_where=text("deleted_at IS NULL"))
    """

    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime, sort_order=4)

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**options)
        deletion.register(cls, SoftDeleted)


def unused(model: type[Any], *columns: Column[Any]) -> None:
    """Keep columns in the table of a model that no code uses any more.

        unused(User, Column("phone_number", String(20)))

    Statements of the model do not name them, and autogenerate does not drop them. Once no release
    that uses them runs, remove the call: then autogenerate writes the revision that drops them.
    """
    for column in columns:
        column.info["unused"] = True
        model.__table__.append_column(column)
