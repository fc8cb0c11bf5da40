"""What the users API takes and returns."""

from datetime import UTC, datetime
from typing import Annotated
from unicodedata import category
from uuid import UUID

from pydantic import (
    MISSING,
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    StringConstraints,
)

from kit.pagination import PAGE_SIZE, Cursor, PageSize

# What may surround a name: ends of lines, and spaces of every width.
SPACES = "\t\n\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
SPACES += "\u202f\u205f\u3000"
# Letters and symbols that show nothing.
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
INVISIBLE = {"Cc", "Cf", "Cs"}


def strip_spaces(value: object) -> object:
    return value.strip(SPACES) if isinstance(value, str) else value


def check_visible(name: str) -> str:
    """Return the name; raise ValueError where it shows nothing, or an accent without a letter."""
    visible = has_base = False
    for sign in name:
        kind = category(sign)
        if kind.startswith("M"):
            if not has_base:
                raise ValueError("has an accent without a letter")
        elif kind.startswith("Z"):
            has_base = False
        elif kind not in INVISIBLE and sign not in FILLERS:
            visible = has_base = True
    if not visible:
        raise ValueError("has no visible character")
    return name


# No control characters: they have no place in a name, and PostgreSQL refuses NUL in any text. Nor
# line separators (U+2028, U+2029) and what reverses the text that follows (U+202A to U+202E, U+2066
# to U+2069). Joiners (U+200C, U+200D) belong to the spelling of Persian and Indic names.
NamePart = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$",
    ),
    BeforeValidator(strip_spaces),
]
Name = Annotated[NamePart, AfterValidator(check_visible)]
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
    name: NamePart | None = Field(default=None, description="Part of the name, in any case")
    is_active: bool | None = None
    created_after: Time | None = None
    created_before: Time | None = None
