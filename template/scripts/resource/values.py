"""Types and default values of fields, as Python code."""

from decimal import Decimal

from scripts.resource.model import Field, Resource, camel_case
from scripts.resource.words import member_name

__all__ = [
    "decimal_of",
    "default_code",
    "is_computed",
    "literal",
    "python_type",
    "scalar_type",
    "type_name",
]

PYTHON_TYPES = {
    "string": "str",
    "text": "str",
    "int": "int",
    "bigint": "int",
    "decimal": "Decimal",
    "float": "float",
    "bool": "bool",
    "date": "date",
    "datetime": "datetime",
    "uuid": "UUID",
    "json": "Any",
    "references": "UUID",
}
# Defaults that are computed for each row.
COMPUTED = {"now", "today", "[]", "{}"}
# Types whose default is a text, which may look like one that is computed.
TEXTS = {"string", "text", "enum"}
# Schemas of a resource have these names after that of the model.
SCHEMAS = {"Create", "Page", "Query", "Read", "Rows", "Update"}
# Names that schemas import from kit, for a model such as Line and its field `part`.
IMPORTED = {"LinePart", "PageQuery"}


def type_name(resource: Resource, field: Field) -> str:
    """Return the name for the type of a field: "ProductStatus"."""
    words = camel_case(field.name)
    name = f"{resource.model}{words}"
    if words in SCHEMAS or name in IMPORTED:
        return f"{name}Value"
    return name


def scalar_type(resource: Resource, field: Field) -> str:
    """Return the Python type of a value, or of an element of an array."""
    if field.type == "enum":
        return type_name(resource, field)
    return PYTHON_TYPES[field.type]


def python_type(resource: Resource, field: Field) -> str:
    """Return the Python type of a field, with `| None` if it is nullable."""
    kind = scalar_type(resource, field)
    if field.is_array:
        kind = f"list[{kind}]"
    if field.is_nullable and kind != "Any":
        return f"{kind} | None"
    return kind


def is_computed(field: Field) -> bool:
    """Return whether the default is computed for each row: a time, a new list or object."""
    return field.default in COMPUTED and (field.is_array or field.type not in TEXTS)


def default_code(resource: Resource, field: Field) -> str | None:
    """Return the default as code, such as `Decimal("9.90")`; None without one, or if computed."""
    if field.default is None or is_computed(field):
        return None
    return literal(resource, field, field.default)


def literal(resource: Resource, field: Field, value: str) -> str:
    """Return a value of a field, or of an element of an array, as code."""
    match field.type:
        case "int" | "bigint":
            return integer_code(value)
        case "float":
            return repr(float(value))
        case "bool":
            return str(value == "true")
        case "decimal":
            return f'Decimal("{decimal_of(field, value)}")'
        case "enum":
            return f"{type_name(resource, field)}.{member_name(value)}"
        case _:
            return repr(value)


def integer_code(value: str) -> str:
    """Return an integer, with underscores if it is long: 5_000_000."""
    if len(value) > len("12345"):
        return f"{int(value):_}"
    return value


def decimal_of(field: Field, value: str) -> str:
    """Return a decimal with all decimal places of the field, as the database returns it."""
    return f"{Decimal(value):.{field.scale or 0}f}"
