"""What a resource refers to, is unique in and is nested in, for its generated tests."""

from dataclasses import dataclass

from scripts.resource.examples import json_example, python_example
from scripts.resource.model import Field, Reference, Resource
from scripts.resource.names import fixture_name
from scripts.resource.statements import taken_kind

__all__ = [
    "EVERYONE",
    "UNKNOWN_ID",
    "ParentInTests",
    "ReferenceInTests",
    "UniqueInTests",
    "braces",
    "kind_of",
    "parent_of",
    "references_of",
    "uniques_of",
    "unknown_path",
]

# The rows of all owners.
EVERYONE = 'OwnedRows(database, "tests", everyone=True)'
# An id that no row has, in an f-string.
UNKNOWN_ID = "{uuid4()}"


@dataclass(frozen=True)
class ReferenceInTests:
    """A reference to another resource."""

    # "category"
    name: str
    # "category_id"
    attribute: str
    # "Category"
    model: str
    # "category"
    kind: str
    # The variable of the other row.
    variable: str
    on_delete: str
    # The rows of the other resource.
    rows: str
    # Whether the database deletes rows with the one that they refer to, or clears the reference.
    deletes: bool
    clears: bool


@dataclass(frozen=True)
class UniqueInTests:
    """A unique field."""

    name: str
    attribute: str
    # "sku-taken"
    kind: str
    # The value of another row, as Python code, and as it is in JSON.
    other: str
    other_in_json: str
    reference: ReferenceInTests | None


@dataclass(frozen=True)
class ParentInTests:
    """The resource that another is nested in."""

    model: str
    singular: str
    label: str
    fixture: str
    # "/orders/{order.id}/lines": the path of the collection in an f-string.
    path: str
    unknown_path: str
    outermost_kind: str


def kind_of(name: str) -> str:
    """Return the name of a resource in the kinds of problems: "order-line"."""
    return name.replace("_", "-")


def references_of(resource: Resource) -> list[ReferenceInTests]:
    """Return the references of a resource to others."""
    return [
        reference_of(field, field.reference)
        for field in resource.fields
        if field.reference is not None
    ]


def reference_of(field: Field, reference: Reference) -> ReferenceInTests:
    rows = "database"
    if reference.is_owned:
        rows = EVERYONE
    return ReferenceInTests(
        name=field.name,
        attribute=field.attribute,
        model=reference.model,
        kind=kind_of(reference.singular),
        variable=f"new_{field.name}",
        on_delete=reference.on_delete,
        rows=rows,
        deletes=reference.on_delete == "cascade" and not reference.is_soft_deleted,
        clears=reference.on_delete == "set_null" and not reference.is_soft_deleted,
    )


def uniques_of(resource: Resource) -> list[UniqueInTests]:
    """Return the unique fields of a resource."""
    return [unique_of(resource, field) for field in resource.fields if field.is_unique]


def unique_of(resource: Resource, field: Field) -> UniqueInTests:
    reference = None
    other = other_in_json = ""
    if field.reference is not None:
        reference = reference_of(field, field.reference)
    else:
        other = python_example(resource, field, 1)
        other_in_json = json_example(field, 1)
    return UniqueInTests(
        name=field.name,
        attribute=field.attribute,
        kind=taken_kind(field),
        other=other,
        other_in_json=other_in_json,
        reference=reference,
    )


def parent_of(resource: Resource) -> ParentInTests | None:
    """Return the resource that this one is nested in, or None."""
    parent = resource.parent
    if parent is None:
        return None
    fixture = fixture_name(parent.singular)
    path = resource.path.replace(braces(parent.attribute), braces(f"{fixture}.id"))
    for ancestor in parent.chain:
        path = path.replace(braces(ancestor.attribute), braces(f"{fixture}.{ancestor.attribute}"))
    outermost = [*parent.chain, parent][0]
    return ParentInTests(
        model=parent.model,
        singular=parent.singular,
        label=parent.singular.replace("_", " "),
        fixture=fixture,
        path=path,
        unknown_path=unknown_path(resource),
        outermost_kind=kind_of(outermost.singular),
    )


def braces(code: str) -> str:
    return "{" + code + "}"


def unknown_path(resource: Resource) -> str:
    """Return the path of a collection, in an f-string, whose parents do not exist."""
    path = resource.path
    if resource.parent is None:
        return path
    for ancestor in [*resource.parent.chain, resource.parent]:
        path = path.replace(braces(ancestor.attribute), UNKNOWN_ID)
    return path
