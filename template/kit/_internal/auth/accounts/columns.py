"""Columns that several tables of accounts have."""

from typing import Any

from sqlalchemy import Column, ForeignKey, Table, Uuid
from uuid_utils.compat import uuid7

from kit.models import UTCDateTime, utc_now

# The primary key of the project's table of users, whatever its type.
KEY = "id"
# A SHA-256 hash in hexadecimal.
HASH_LENGTH = 64


def user_key(users: Table, *, primary_key: bool = False, nullable: bool = False) -> Column[Any]:
    """Return a column that refers to a user, whose rows go when the user is deleted."""
    return Column(
        "user_id",
        users.columns[KEY].type,
        ForeignKey(users.columns[KEY], ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=nullable,
        index=not primary_key,
    )


def moment(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column for a time."""
    return Column(name, UTCDateTime, nullable=nullable)


def created_at() -> Column[Any]:
    return Column("created_at", UTCDateTime, nullable=False, default=utc_now)


def random_key() -> Column[Any]:
    return Column("id", Uuid, primary_key=True, default=uuid7)
