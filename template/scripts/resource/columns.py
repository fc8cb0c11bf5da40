"""Columns, constraints and enums of a resource's model, as Python code."""

from dataclasses import dataclass

from scripts.resource.database import JSON_TYPE
from scripts.resource.model import Field, Resource
from scripts.resource.values import (
    decimal_of,
    default_code,
    is_computed,
    python_type,
    type_name,
)
from scripts.resource.words import member_name

__all__ = [
    "Enumeration",
    "columns_of",
    "enumerations_of",
    "mixins_of",
    "table_arguments_of",
    "unique_attributes",
]

COLUMN_TYPES = {
    "text": "Text",
    "int": "Integer",
    "bigint": "BigInteger",
    "float": "Float",
    "bool": "Boolean",
    "date": "Date",
    "datetime": "UTCDateTime",
    "uuid": "Uuid",
    "references": "Uuid",
}
# Types that follow from the annotation, so that the column does not name them.
KNOWN_TYPES = {"Integer", "Float", "Boolean", "Date", "UTCDateTime", "Uuid"}


@dataclass(frozen=True)
class Enumeration:
    """An enum of the model's module."""

    name: str
    # Names and values.
    members: tuple[tuple[str, str], ...]


def enumerations_of(resource: Resource) -> list[Enumeration]:
    """Return the enums of a resource's fields."""
    enumerations = []
    for field in resource.fields:
        if field.type == "enum":
            members = tuple((member_name(value), value) for value in field.values)
            enumerations.append(Enumeration(type_name(resource, field), members))
    return enumerations


def mixins_of(resource: Resource) -> str:
    """Return the base classes of the model."""
    mixins = []
    if resource.is_owned:
        mixins.append("Owned")
    if resource.is_soft_deleted:
        mixins.append("SoftDeleted")
    if resource.is_versioned:
        mixins.append("Versioned")
    return ", ".join([*mixins, "UUIDKey", "Timestamped", "Base"])


def table_arguments_of(resource: Resource) -> list[str]:
    """Return the unique constraints."""
    return [unique_argument(resource, field) for field in resource.fields if field.is_unique]


def unique_argument(resource: Resource, field: Field) -> str:
    """Return a constraint, or an index of rows that are not deleted.

    Rows that have an owner are unique among those of the owner: 409 would say that another exists.
    """
    names = unique_attributes(resource, field)
    columns = ", ".join(f'"{name}"' for name in names)
    if not resource.is_soft_deleted:
        return f"UniqueConstraint({columns})"
    index = "_".join(["uq", resource.table, *names])
    condition = f'{resource.database}_where=text("deleted_at IS NULL")'
    return f'Index("{index}", {columns}, unique=True, {condition})'


def unique_attributes(resource: Resource, field: Field) -> list[str]:
    """Return the attributes that are unique together."""
    if resource.is_owned:
        return ["owner", field.attribute]
    return [field.attribute]


def columns_of(resource: Resource) -> list[str]:
    """Return the declarations of the columns, the reference to the parent first."""
    columns = []
    if resource.parent is not None:
        target = f'ForeignKey("{resource.parent.table}.id", ondelete="CASCADE")'
        columns.append(
            f"{resource.parent.attribute}: Mapped[UUID] = mapped_column({target}, index=True)"
        )
    columns.extend(column_of(resource, field) for field in resource.fields)
    return columns


def column_of(resource: Resource, field: Field) -> str:
    """Return the declaration of a column: `stock: Mapped[int] = mapped_column(default=0, ...)`."""
    arguments = [*column_types(resource, field), *defaults_of(resource, field)]
    if is_indexed(resource, field):
        arguments.append("index=True")
    declaration = f"{field.attribute}: Mapped[{python_type(resource, field)}]"
    if not arguments:
        return declaration
    return f"{declaration} = mapped_column({', '.join(arguments)})"


def is_indexed(resource: Resource, field: Field) -> bool:
    """Return whether the column has an index beside its unique constraint."""
    if field.is_unique and unique_attributes(resource, field) == [field.attribute]:
        return False
    return field.is_indexed or field.reference is not None


def column_types(resource: Resource, field: Field) -> list[str]:
    """Return the type of the column and its foreign key, if they do not follow from Python's."""
    column_type = scalar_column_type(resource, field)
    if field.is_array:
        return [f"ARRAY({column_type})"]
    if field.reference is not None:
        on_delete = field.reference.on_delete.upper().replace("_", " ")
        return [f'ForeignKey("{field.reference.table}.id", ondelete="{on_delete}")']
    if field.type == "json" and field.is_nullable:
        return [f"{JSON_TYPE}(none_as_null=True)", "nullable=True"]
    if field.type == "json":
        return [JSON_TYPE, "nullable=False"]
    if column_type in KNOWN_TYPES:
        return []
    return [column_type]


def scalar_column_type(resource: Resource, field: Field) -> str:
    """Return SQLAlchemy's type of a value, or of an element of an array."""
    match field.type:
        case "string":
            return f"String({field.length})"
        case "decimal":
            return decimal_type(field)
        case "enum":
            return f"TextEnum({type_name(resource, field)})"
        case "json":
            return JSON_TYPE
        case _:
            return COLUMN_TYPES[field.type]


def decimal_type(field: Field) -> str:
    return f"ExactDecimal({field.precision}, {field.scale})"


def defaults_of(resource: Resource, field: Field) -> list[str]:
    """Return the default in Python, and that of the database for rows inserted by SQL."""
    if field.default is None:
        return []
    if is_computed(field):
        return computed_defaults(field)
    code = default_code(resource, field)
    return [f"default={code}", f"server_default={server_default(field, field.default)}"]


def computed_defaults(field: Field) -> list[str]:
    """Return defaults that are computed for each row: times, and new lists and objects."""
    match field.default:
        case "now":
            now = "default=lambda: datetime.now(UTC)"
            return [now, 'server_default=text("CURRENT_TIMESTAMP")']
        case "today":
            today = "default=lambda: datetime.now(UTC).date()"
            return [today, 'server_default=text("CURRENT_DATE")']
        case "[]" if field.is_array:
            return ["default=list", 'server_default="{}"']
        case "[]":
            return ["default=list", 'server_default="[]"']
        case _:
            return ["default=dict", 'server_default="{}"']


def server_default(field: Field, value: str) -> str:
    """Return the default of the column in SQL: a str is a literal there, text() an expression."""
    match field.type:
        case "int" | "bigint" | "float" | "bool":
            return f'text("{value}")'
        case "decimal":
            return f'literal(Decimal("{decimal_of(field, value)}"), {decimal_type(field)})'
        case _:
            return repr(value)
