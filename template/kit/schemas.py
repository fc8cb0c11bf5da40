"""Types and base classes for schemas: names, text, numbers, JSON, e-mail addresses, times.

A client sends an Input, and receives an Output:

    class ProductCreate(Input):
        name: Name

    class ProductRead(Output):
        id: UUID
        name: str

The database can store every value of these types; other values are invalid requests (422). Plain
`str`, `int` and `float` allow values that PostgreSQL refuses: NUL, large integers, infinity.
"""

from datetime import UTC, datetime
from typing import Annotated, Any
from unicodedata import category

from pydantic import (
    AfterValidator,
    AllowInfNan,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    StringConstraints,
)

from kit._internal.json_values import check_json

__all__ = [
    "Email",
    "FiniteFloat",
    "Input",
    "Int32",
    "Int64",
    "JSONValue",
    "Line",
    "LinePart",
    "Name",
    "NamePart",
    "Output",
    "Text",
    "UTCTime",
]

# Stripped from names: line ends, and spaces of every width.
SPACES = "\t\n\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
SPACES += "\u202f\u205f\u3000"
# Letters and symbols that are invisible.
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
# Unicode categories of invisible characters: controls, format characters, surrogates.
INVISIBLE_CATEGORIES = {"Cc", "Cf", "Cs"}


def strip_spaces(value: object) -> object:
    if isinstance(value, str):
        return value.strip(SPACES)
    return value


def check_visible(name: str) -> str:
    """Return the name; raise ValueError if it is invisible or an accent has no letter."""
    visible = has_base = False
    for sign in name:
        kind = category(sign)
        if kind.startswith("M"):
            if not has_base:
                raise ValueError("has an accent without a letter")
        elif kind.startswith("Z"):
            has_base = False
        elif kind not in INVISIBLE_CATEGORIES and sign not in FILLERS:
            visible = has_base = True
    if not visible:
        raise ValueError("has no visible character")
    return name


# Part of a name, as in a search: 1 to 100 characters, stripped of spaces around it. Not allowed are
# control characters (PostgreSQL refuses NUL), line separators (U+2028, U+2029), and characters that
# reverse the following text (U+202A to U+202E, U+2066 to U+2069). Joiners (U+200C, U+200D) are
# allowed, as Persian and Indic names contain them.
NamePart = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$",
    ),
    BeforeValidator(strip_spaces),
]
# A name of 1 to 100 characters, at least one of which is visible.
Name = Annotated[NamePart, AfterValidator(check_visible)]
# An e-mail address, in lower case.
Email = Annotated[EmailStr, StringConstraints(max_length=254, to_lower=True)]

# Part of a line, as in a search. Not allowed are the characters that names do not have: control
# characters, line separators, and those that reverse the following text. Limit the length:
# Annotated[LinePart, Field(max_length=80)].
LinePart = Annotated[
    str,
    StringConstraints(
        min_length=1,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$",
    ),
]
# A line of text: at least 1 character, stripped of spaces around it, otherwise like LinePart.
Line = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$",
    ),
]
# Several lines of text: at least 1 character, no NUL.
Text = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]*$")]
# An integer of the column Integer.
Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]
# An integer of the column BigInteger.
Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
# A number that is neither NaN nor infinite, which JSON does not have.
FiniteFloat = Annotated[float, AllowInfNan(False)]
# Any JSON value without NUL, lone surrogates, NaN, infinity and integers of more than 64 bits, at
# most 50 levels deep.
JSONValue = Annotated[Any, AfterValidator(check_json)]


def to_utc(time: datetime) -> datetime:
    """Return the time in UTC; raise ValueError outside of the years 1 to 9999."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


# A time with a time zone, converted to UTC.
UTCTime = Annotated[AwareDatetime, AfterValidator(to_utc)]


class Input(BaseModel):
    """The base of request schemas: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """The base of response schemas: created from a row or an object."""

    model_config = ConfigDict(from_attributes=True)
