"""Parses the fields: `title:string(120) price:decimal(10,2)? category:references`."""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from scripts.resource.database import HAS_ARRAYS, MAX_PRECISION
from scripts.resource.defaults import check_default
from scripts.resource.model import Field, Reference
from scripts.resource.naming import NAME
from scripts.resource.refusal import RefusedError

__all__ = ["Target", "parse_fields"]

TYPES = (
    "string",
    "text",
    "int",
    "bigint",
    "decimal",
    "float",
    "bool",
    "date",
    "datetime",
    "uuid",
    "json",
    "enum",
    "references",
)
PARTS = re.compile(
    r"(?P<name>[^:]+):(?P<type>\w+)(?:\((?P<arguments>[^()]*)\))?(?P<array>\[\])?"
    r"(?P<modifiers>[?^@]*)(?P<default>=.*)?"
)
IN_PARENTHESES = re.compile(r"\([^()]*\)")
ENUM_VALUE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# The columns of enums are VARCHAR(32).
ENUM_LENGTH = 32
STRING_LENGTH = 255
# The longest VARCHAR of PostgreSQL.
STRING_LENGTH_MAX = 10_485_760
# An index entry of PostgreSQL has at most 2,704 bytes, and a character up to four.
INDEXED_LENGTH_MAX = 650
ON_DELETE = ("restrict", "cascade", "set_null")
# Types that have too few values to be unique, or too large or incomparable ones for an index.
NOT_UNIQUE = ("bool", "enum", "json", "text")
NOT_INDEXED = ("json", "text")


@dataclass(frozen=True)
class Target:
    """What a field of type `references` points to."""

    # The name of the field, from which the table is derived if it was not typed.
    field: str
    table: str
    on_delete: str


# Returns an existing resource, or refuses the target.
Resolve = Callable[[Target], Reference]


def parse_fields(text: str, resolve: Resolve) -> tuple[Field, ...]:
    """Return the fields in a line of text; raise RefusedError for the first that is not valid."""
    words = IN_PARENTHESES.sub(lambda match: "".join(match[0].split()), text).split()
    return tuple(parse_field(word, resolve) for word in words)


def parse_field(text: str, resolve: Resolve) -> Field:
    parts = PARTS.fullmatch(text)
    if parts is None:
        raise RefusedError(
            f"{text!r} is no field such as title:string(120) or price:decimal(10,2)?"
        )
    name = parts["name"]
    if not NAME.fullmatch(name):
        raise RefusedError(
            f"{name!r} is no name of a field: small letters, digits and single underscores, a"
            " letter first"
        )
    check_type(name, parts["type"])
    default = parts["default"]
    if default is not None:
        default = default[1:]
    field = Field(
        name=name,
        type=parts["type"],
        is_array=parts["array"] is not None,
        is_nullable=has_modifier(parts, "?"),
        is_unique=has_modifier(parts, "^"),
        is_indexed=has_modifier(parts, "@"),
        default=default,
    )
    field = add_arguments(field, parts["arguments"], resolve)
    check_combination(field)
    check_default(field)
    return field


def check_type(name: str, kind: str) -> None:
    if kind in TYPES:
        return
    known = ", ".join(TYPES)
    similar = difflib.get_close_matches(kind, TYPES, n=1)
    if similar:
        raise RefusedError(f"{name} has the unknown type {kind!r}: did you mean {similar[0]}?")
    raise RefusedError(f"{name} has the unknown type {kind!r}: expected one of {known}")


def has_modifier(parts: re.Match[str], modifier: str) -> bool:
    count = parts["modifiers"].count(modifier)
    if count > 1:
        raise RefusedError(f"{parts['name']} has {modifier} twice: write it once")
    return count == 1


def add_arguments(field: Field, text: str | None, resolve: Resolve) -> Field:
    """Return a field with what is in the parentheses after its type."""
    arguments = []
    if text is not None:
        arguments = text.split(",")
    match field.type:
        case "string":
            return replace(field, length=length_of(field, arguments))
        case "decimal":
            return add_digits(field, arguments)
        case "enum":
            return replace(field, values=enum_values(field, arguments))
        case "references":
            return add_reference(field, arguments, resolve)
    if text is not None:
        raise RefusedError(f"{field.name}: the type {field.type} has nothing in parentheses")
    return field


def number_of(field: Field, text: str, example: str) -> int:
    # Python refuses to convert thousands of digits.
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise RefusedError(f"{field.name}: {text!r} is no number; expected format: {example}")
    return int(text)


def length_of(field: Field, arguments: list[str]) -> int:
    if not arguments:
        return STRING_LENGTH
    if len(arguments) > 1:
        raise RefusedError(f"{field.name}: expected format: string(120)")
    length = number_of(field, arguments[0], "string(120)")
    if not 1 <= length <= STRING_LENGTH_MAX:
        raise RefusedError(f"{field.name}: a string has 1 to {STRING_LENGTH_MAX} characters")
    return length


def add_digits(field: Field, arguments: list[str]) -> Field:
    example = "decimal(10,2)"
    if len(arguments) != len(("precision", "scale")):
        raise RefusedError(
            f"{field.name}: expected format: {example}, all digits and those of them"
            " after the point"
        )
    precision, scale = (number_of(field, text, example) for text in arguments)
    if not 1 <= precision <= MAX_PRECISION or scale > precision:
        raise RefusedError(
            f"{field.name}: a decimal has 1 to {MAX_PRECISION} digits, of which all may be after"
            f" the point: {example}"
        )
    return replace(field, precision=precision, scale=scale)


def enum_values(field: Field, arguments: list[str]) -> tuple[str, ...]:
    members = set()
    for value in arguments:
        if not ENUM_VALUE.fullmatch(value) or len(value) > ENUM_LENGTH:
            raise RefusedError(
                f"{field.name}: {value!r} is no value such as draft or in-progress: letters,"
                f" digits, _ and -, a letter first, at most {ENUM_LENGTH} characters"
            )
        members.add(value.upper().replace("-", "_"))
    if not arguments:
        raise RefusedError(f"{field.name}: expected format: enum(draft,live)")
    if len(members) < len(arguments):
        raise RefusedError(f"{field.name}: two values of the enum are equal in capital letters")
    return tuple(arguments)


def add_reference(field: Field, arguments: list[str], resolve: Resolve) -> Field:
    table, on_delete = "", "restrict"
    for index, argument in enumerate(arguments):
        option = argument.removeprefix("on_delete=")
        if option in ON_DELETE:
            on_delete = option
        elif option != argument:
            raise RefusedError(f"{field.name}: on_delete is one of {', '.join(ON_DELETE)}")
        elif index == 0 and NAME.fullmatch(argument):
            table = argument
        else:
            raise RefusedError(
                f"{field.name}: {argument!r} is no table or action; expected format:"
                " references(users,on_delete=cascade)"
            )
    if on_delete == "set_null" and not field.is_nullable:
        raise RefusedError(f"{field.name}: set_null needs a nullable field, with ?")
    name = field.name.removesuffix("_id")
    reference = resolve(Target(field=name, table=table, on_delete=on_delete))
    return replace(field, name=name, reference=reference, is_indexed=not field.is_unique)


def check_combination(field: Field) -> None:
    """Refuse modifiers that a type cannot have."""
    if field.is_array:
        check_array(field)
    if field.is_unique and field.type in NOT_UNIQUE:
        raise RefusedError(f"{field.name}: the type {field.type} cannot be unique: leave ^ out")
    if field.is_indexed and field.type in NOT_INDEXED:
        raise RefusedError(f"{field.name}: the type {field.type} cannot be indexed: leave @ out")
    has_index = field.is_unique or field.is_indexed
    if has_index and (field.length or 0) > INDEXED_LENGTH_MAX:
        raise RefusedError(
            f"{field.name}: a unique or indexed string has at most {INDEXED_LENGTH_MAX} characters"
        )
    if field.is_unique and field.is_indexed:
        raise RefusedError(f"{field.name} is unique and so has an index: leave @ out")


def check_array(field: Field) -> None:
    if not HAS_ARRAYS:
        raise RefusedError(
            f"{field.name}: this database has no arrays: use json, or another resource"
        )
    if field.type in {"json", "references"}:
        raise RefusedError(f"{field.name}: there are no arrays of {field.type}: use json")
    if field.is_unique or field.is_indexed:
        raise RefusedError(f"{field.name}: an array is neither unique nor indexed")
