"""The defaults of fields: which each type can have."""

import math
import re

from scripts.resource.model import Field
from scripts.resource.refusal import RefusedError

__all__ = ["check_default"]

INTEGER = re.compile(r"0|-?[1-9][0-9]*")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
# Without quotes, colons and braces, which SQL, SQLAlchemy and Python would interpret.
WORD = re.compile(r"[A-Za-z0-9_.+/@#-]+")
BITS = {"int": 32, "bigint": 64}
# The only defaults of other types.
CHOICES = {
    "bool": ("true", "false"),
    "date": ("today",),
    "datetime": ("now",),
    "json": ("{}", "[]"),
    "references": (),
    "uuid": (),
}


def check_default(field: Field) -> None:
    """Refuse a default that the field cannot have."""
    if field.default is None:
        return
    if field.is_unique:
        raise RefusedError(
            f"{field.name} is unique: leave the default out, as only one row could have it"
        )
    expected = expected_default(field)
    if expected is not None:
        raise RefusedError(f"{field.name} cannot have the default {field.default!r}: {expected}")


def expected_default(field: Field) -> str | None:
    """Return which default a field can have, or None if it has one of these."""
    choices = choices_of(field)
    default = field.default or ""
    if choices is not None:
        return expected_choice(default, choices)
    if field.type in BITS:
        return expected_integer(default, BITS[field.type])
    if field.type == "decimal":
        return expected_decimal(default, field)
    if field.type == "float":
        return expected_float(default)
    return expected_word(default, field.length)


def expected_choice(default: str, choices: tuple[str, ...]) -> str | None:
    if default in choices:
        return None
    if not choices:
        return "leave it out"
    return f"expected {' or '.join(choices)}"


def expected_float(default: str) -> str | None:
    if NUMBER.fullmatch(default) and math.isfinite(float(default)):
        return None
    return "expected a number such as 0.5"


def choices_of(field: Field) -> tuple[str, ...] | None:
    """Return the defaults of which a field can have one; None for a type with many values."""
    if field.is_array:
        return ("[]",)
    if field.type == "enum":
        return field.values
    return CHOICES.get(field.type)


def expected_integer(default: str, bits: int) -> str | None:
    limit = 2 ** (bits - 1)
    # Python refuses to convert thousands of digits.
    if INTEGER.fullmatch(default) and len(default) <= bits and -limit <= int(default) < limit:
        return None
    return f"expected an integer of {bits} bits"


def expected_decimal(default: str, field: Field) -> str | None:
    scale = field.scale or 0
    whole, _, fraction = default.lstrip("-").partition(".")
    digits = (field.precision or 0) - scale
    if NUMBER.fullmatch(default) and len(fraction) <= scale and len(whole.lstrip("0")) <= digits:
        return None
    return f"expected a number with up to {digits} digits before the point and {scale} after it"


def expected_word(default: str, length: int | None) -> str | None:
    if not WORD.fullmatch(default):
        return "expected letters, digits and _ . + - / @ #"
    if length is not None and len(default) > length:
        return f"expected at most {length} characters"
    return None
