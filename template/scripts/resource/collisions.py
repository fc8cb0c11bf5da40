"""Names of fields that cannot be together in a resource, or not in any."""

from scripts.resource.model import Field, Resource, camel_case
from scripts.resource.naming import check_length
from scripts.resource.refusal import RefusedError
from scripts.resource.reserved import PYTHON, reason_against_field

__all__ = ["check_fields"]

# The filters that a type has in addition to equality, whose names end in these.
RANGES = {
    "bigint": ("min", "max"),
    "date": ("after", "before"),
    "datetime": ("after", "before"),
    "decimal": ("min", "max"),
    "float": ("min", "max"),
    "int": ("min", "max"),
}


def check_fields(resource: Resource, attributes: frozenset[str]) -> None:
    """Refuse names that are reserved, too long, or that two fields have.

    The attributes are those of the project's Base, which a column would hide.
    """
    if not resource.fields:
        raise RefusedError('fields required: make resource name=product fields="title:string"')
    classes: dict[str, str] = {}
    for field in resource.fields:
        check_reserved(resource, field, attributes)
        check_identifiers(resource, field)
        other = classes.setdefault(camel_case(field.name), field.name)
        if other != field.name:
            raise RefusedError(f"{other} and {field.name} are the same in capital letters")
    check_filters(resource)


def check_reserved(resource: Resource, field: Field, attributes: frozenset[str]) -> None:
    reason = reason_against_field(field.attribute)
    if not reason and field.name in PYTHON:
        reason = "a keyword of Python"
    if not reason and field.attribute in attributes:
        reason = "an attribute of Base"
    if reason:
        raise RefusedError(
            f"{field.attribute} is {reason}: choose another name, such as"
            f" {resource.singular}_{field.name}"
        )


def check_identifiers(resource: Resource, field: Field) -> None:
    """Refuse a field whose constraints would have names that are too long."""
    check_length(f"uq_{resource.table}_{field.attribute}")
    if field.reference is not None:
        check_length(f"fk_{resource.table}_{field.attribute}_{field.reference.table}")


def check_filters(resource: Resource) -> None:
    """Refuse two fields, or a field and the filter of another, with the same name."""
    owners: dict[str, str] = {}
    if resource.parent is not None:
        attribute = resource.parent.attribute
        owners[attribute] = "the parent"
        check_length(f"fk_{resource.table}_{attribute}_{resource.parent.table}")
    for field in resource.fields:
        names = [field.attribute, *filters_of(field)]
        for name in names:
            if name in owners:
                raise RefusedError(
                    f"{field.name} and {owners[name]} both need the name {name}: rename a field"
                )
            owners[name] = field.name


def filters_of(field: Field) -> list[str]:
    if field.is_array:
        return []
    return [f"{field.name}_{end}" for end in RANGES.get(field.type, ())]
