"""Types of fields in requests and responses, as Python code."""

from dataclasses import dataclass

from scripts.resource.model import Field, Resource
from scripts.resource.values import default_code, is_computed, python_type, type_name

__all__ = [
    "Alias",
    "Attribute",
    "aliases_of",
    "create_attributes",
    "element_type",
    "read_attributes",
    "update_attributes",
]

# The largest number of elements in an array that a client sends.
ARRAY_LENGTH = 100
# Types of kit.schemas and Python for values without limits of their own.
INPUT_TYPES = {
    "text": "Text",
    "int": "Int32",
    "bigint": "Int64",
    "float": "FiniteFloat",
    "bool": "bool",
    "date": "date",
    "datetime": "UTCTime",
    "uuid": "UUID",
    "json": "JSONValue",
    "references": "UUID",
}


@dataclass(frozen=True)
class Alias:
    """A type with limits: `ProductTitle = Annotated[Line, Field(max_length=120)]`."""

    name: str
    code: str


@dataclass(frozen=True)
class Attribute:
    """An attribute of a schema: `title: ProductTitle = "Untitled"`."""

    name: str
    type: str
    # Such as ` = None`; empty if it is required.
    default: str


def aliases_of(resource: Resource) -> list[Alias]:
    """Return the types that the schemas of requests need, in the order of the fields."""
    aliases = []
    for field in resource.fields:
        limits = limits_of(field)
        if limits is not None:
            aliases.append(Alias(element_type(resource, field), limits))
        if field.is_array:
            code = f"list[{element_type(resource, field)}]"
            limits = f"Annotated[{code}, Field(max_length={ARRAY_LENGTH})]"
            aliases.append(Alias(input_type(resource, field), limits))
    return aliases


def limits_of(field: Field) -> str | None:
    """Return the type of a value with limits, None if the type has a name already."""
    match field.type:
        case "string":
            return f"Annotated[Line, Field(max_length={field.length})]"
        case "decimal":
            digits = f"max_digits={field.precision}, decimal_places={field.scale}"
            return f"Annotated[Decimal, Field({digits})]"
        case _:
            return None


def element_type(resource: Resource, field: Field) -> str:
    """Return the type that a client sends, or that of an array's elements."""
    match field.type:
        case "string" | "decimal":
            name = type_name(resource, field)
            if field.is_array:
                return f"{name}Item"
            return name
        case "enum":
            return type_name(resource, field)
        case _:
            return INPUT_TYPES[field.type]


def input_type(resource: Resource, field: Field) -> str:
    """Return the type that a client sends."""
    if field.is_array and field.type == "enum":
        return f"{type_name(resource, field)}List"
    if field.is_array:
        return type_name(resource, field)
    return element_type(resource, field)


def is_optional(field: Field) -> bool:
    """Return whether the type needs `| None`; a JSON value may be null in any case."""
    return field.is_nullable and field.type != "json"


def create_attributes(resource: Resource) -> list[Attribute]:
    """Return the attributes of the schema that creates a row."""
    attributes = []
    for field in resource.fields:
        kind = input_type(resource, field)
        default = create_default(resource, field)
        if default == " = MISSING":
            kind = f"{kind} | MISSING"
        if is_optional(field):
            kind = f"{kind} | None"
        attributes.append(Attribute(field.attribute, kind, default))
    return attributes


def create_default(resource: Resource, field: Field) -> str:
    """Return the default of a field in the schema that creates a row; empty if it is required."""
    code = default_code(resource, field)
    if code is not None:
        return f" = {code}"
    if is_computed(field):
        # A time is computed by the model.
        factories = {"[]": "Field(default_factory=list)", "{}": "Field(default_factory=dict)"}
        return f" = {factories.get(field.default or '', 'MISSING')}"
    if field.is_nullable:
        return " = None"
    return ""


def update_attributes(resource: Resource) -> list[Attribute]:
    """Return the attributes of the schema that changes a row: all may be left out."""
    attributes = []
    for field in resource.fields:
        kind = f"{input_type(resource, field)} | MISSING"
        if is_optional(field):
            kind = f"{kind} | None"
        attributes.append(Attribute(field.attribute, kind, " = MISSING"))
    return attributes


def read_attributes(resource: Resource) -> list[Attribute]:
    """Return the attributes of the schema of responses."""
    attributes = [Attribute("id", "UUID", "")]
    if resource.parent is not None:
        attributes.append(Attribute(resource.parent.attribute, "UUID", ""))
    attributes.extend(
        Attribute(field.attribute, python_type(resource, field), "") for field in resource.fields
    )
    if resource.is_versioned:
        attributes.append(Attribute("version", "int", ""))
    attributes.append(Attribute("created_at", "datetime", ""))
    attributes.append(Attribute("updated_at", "datetime", ""))
    return attributes
