"""What the users API takes and returns."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import (
    MISSING,
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    EmailStr,
    Field,
    StringConstraints,
)

from app.pagination import PAGE_SIZE, Cursor, PageSize

# No control characters: they have no place in a name, and PostgreSQL refuses NUL in any text.
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$"
    ),
]
Email = Annotated[EmailStr, StringConstraints(max_length=254, to_lower=True)]


def in_utc(time: datetime) -> datetime:
    """Return the same time in UTC; raise ValueError beyond the ends of the calendar."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


Time = Annotated[AwareDatetime, AfterValidator(in_utc)]


class Input(BaseModel):
    """Refuses fields that it does not know, so that a misspelt one is not lost in silence."""

    model_config = ConfigDict(extra="forbid")


class UserCreate(Input):
    email: Email
    name: Name
    is_active: bool = True


class UserUpdate(Input):
    """The fields to change; those that are left out stay as they are."""

    email: Email | MISSING = MISSING
    name: Name | MISSING = MISSING
    is_active: bool | MISSING = MISSING


class UserRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    name: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


class UserPage(BaseModel):
    items: list[UserRead]
    next_cursor: str | None = Field(description="For the page after this one; null on the last.")


class UserQuery(Input):
    """Which users, and which page of them."""

    limit: PageSize = PAGE_SIZE
    cursor: Cursor | None = None
    email: Email | None = None
    name: Name | None = Field(default=None, description="Part of the name, in any case")
    is_active: bool | None = None
    created_after: Time | None = None
    created_before: Time | None = None
