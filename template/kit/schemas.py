"""Words that the schemas of most resources share: names, e-mail addresses, times.

What a client sends is an Input, what it gets an Output:

    class ProductCreate(Input):
        name: Name

    class ProductRead(Output):
        id: UUID
        name: str
"""

from datetime import UTC, datetime
from typing import Annotated
from unicodedata import category

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    StringConstraints,
)

__all__ = ["Email", "Input", "Name", "NamePart", "Output", "UTCTime"]

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
# An e-mail address in lower case, as databases compare it.
Email = Annotated[EmailStr, StringConstraints(max_length=254, to_lower=True)]


def to_utc(time: datetime) -> datetime:
    """Return the same time in UTC; raise ValueError beyond the ends of the calendar."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


# A time with an offset, as the same time in UTC.
UTCTime = Annotated[AwareDatetime, AfterValidator(to_utc)]


class Input(BaseModel):
    """What a client sends: a misspelt field is refused rather than ignored."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """What a client gets: made of a row or an object."""

    model_config = ConfigDict(from_attributes=True)
