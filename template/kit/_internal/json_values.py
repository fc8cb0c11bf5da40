"""Checks that every database can store a JSON value and return it unchanged."""

import math
from decimal import Decimal

# Levels of lists and objects in each other. Drivers and clients have higher limits.
MAX_DEPTH = 50
# SQLite stores a column that is only a number as a 64-bit integer or as a float.
INT64 = range(-(2**63), 2**63)


def check_json(value: object) -> object:
    """Return the value; raise ValueError if it is not JSON or a database cannot store it."""
    pending: list[tuple[object, int]] = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, dict | list):
            if depth > MAX_DEPTH:
                raise ValueError(f"has more than {MAX_DEPTH} levels")
            pending.extend((part, depth + 1) for part in parts_of(item))
        else:
            check_scalar(item)
    return value


def parts_of(item: dict[object, object] | list[object]) -> list[object]:
    if isinstance(item, list):
        return item
    if not all(isinstance(key, str) for key in item):
        raise ValueError("has an object with a key that is not text")
    return [*item.keys(), *item.values()]


def check_scalar(item: object) -> None:
    if isinstance(item, str):
        check_text(item)
    elif isinstance(item, float):
        if not math.isfinite(item):
            raise ValueError("has a number that is not finite")
    elif isinstance(item, int):
        if item not in INT64 and not is_float(item):
            raise ValueError("has an integer of more than 64 bits")
    elif item is not None:
        raise ValueError("is not JSON")


def check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("has a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("has a lone surrogate, which is not Unicode") from None


def is_float(number: int) -> bool:
    """Return whether an integer is what a float such as 1e20 is written as, with all its digits.

    PostgreSQL returns floats in JSONB so.
    """
    try:
        return Decimal(repr(float(number))) == number
    except OverflowError:
        return False
