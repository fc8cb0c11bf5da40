"""Values for columns: the same in each run of a test, and different for each row."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, JSON, Column, Enum, TypeDecorator

from kit.models import TextEnum

# Values are numbered from here, so that those that a test writes itself are rarely among them.
START = 1000
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)
KNOWN_TYPES = (str, bool, int, float, Decimal, date, datetime, UUID)


class Numbers:
    """Counts the rows of a test."""

    def __init__(self) -> None:
        self.count = 0

    def restart(self) -> None:
        """Begin with the same numbers again, as each test does."""
        self.count = 0

    def next(self) -> int:
        self.count += 1
        return self.count


numbers = Numbers()


def can_make_up(column: Column[Any]) -> bool:
    """Return whether make_up() knows the type of a column."""
    if isinstance(column.type, TextEnum | Enum | JSON | ARRAY):
        return True
    return python_type_of(column) in KNOWN_TYPES


def python_type_of(column: Column[Any]) -> type:
    """Return the type of a column's values; `object` if it is not known."""
    kind: Any = column.type
    if isinstance(kind, TypeDecorator) and kind.python_type is object:
        kind = kind.impl_instance
    python_type: type = kind.python_type
    return python_type


def make_up(column: Column[Any], count: int) -> object:  # noqa: PLR0911
    """Return a value for a column; values of other rows, which have another count, differ.

    Values of bool, enums, JSON and arrays are the same for all rows.
    """
    kind: Any = column.type
    number = START + count
    if isinstance(kind, TextEnum):
        return next(iter(kind.kind))
    if isinstance(kind, Enum):
        return next(iter(kind.enum_class or kind.enums))
    if isinstance(kind, JSON):
        return {}
    if isinstance(kind, ARRAY):
        return []
    python_type = python_type_of(column)
    if python_type is str:
        return make_up_text(column, number, count)
    if python_type is Decimal:
        return make_up_decimal(kind, number, count)
    values: dict[type, object] = {
        bool: False,
        int: number,
        float: float(number),
        date: FIRST_DAY.date() + timedelta(days=number),
        datetime: FIRST_DAY + timedelta(hours=number),
        UUID: UUID(int=number),
    }
    return values[python_type]


def make_up_text(column: Column[Any], number: int, count: int) -> str:
    """Return a text such as "title 1001", or a short one if that is too long for the column."""
    length: int | None = getattr(column.type, "length", None)
    text = f"{column.name.replace('_', ' ')} {number}"
    if column.name.endswith("email"):
        text = f"{column.name}-{number}@example.com"
    if length is None or len(text) <= length:
        return text
    text = in_letters(number)
    if len(text) <= length:
        return text
    return in_letters(count)[-length:]


def in_letters(number: int) -> str:
    """Return a number in digits and letters, which are few."""
    rest, digit = divmod(number, len(DIGITS))
    if rest:
        return in_letters(rest) + DIGITS[digit]
    return DIGITS[digit]


def make_up_decimal(kind: Any, number: int, count: int) -> Decimal:  # noqa: ANN401
    """Return a multiple of the smallest decimal; of few digits, one of fewer values."""
    smallest = Decimal(1).scaleb(-(kind.scale or 0))
    if kind.precision is None:
        return number * smallest
    limit: int = 10**kind.precision
    if number < limit:
        return number * smallest
    return (count % limit) * smallest
