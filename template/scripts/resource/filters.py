"""Filters of a list, which the types of its fields suggest, as Python code."""

from dataclasses import dataclass

from scripts.resource.model import Field, Resource
from scripts.resource.schemas import element_type


@dataclass(frozen=True)
class Filter:
    """A query parameter, and the method of kit.filters.Filters that limits the rows with it."""

    parameter: str
    attribute: str
    type: str
    method: str
    description: str | None = None


# Parameters and methods beside that of the field's own name.
RANGES = {
    "int": {"min": "at_least", "max": "at_most"},
    "bigint": {"min": "at_least", "max": "at_most"},
    "decimal": {"min": "at_least", "max": "at_most"},
    "float": {"min": "at_least", "max": "at_most"},
    "date": {"after": "after", "before": "before"},
    "datetime": {"after": "after", "before": "before"},
}


def filters_of(resource: Resource) -> list[Filter]:
    """Return the filters of a resource's list; those of the time of creation are the last."""
    filters = []
    for field in resource.fields:
        filters.extend(filters_of_field(resource, field))
    filters.append(Filter("created_after", "created_at", "UTCTime", "after"))
    filters.append(Filter("created_before", "created_at", "UTCTime", "before"))
    return filters


def filters_of_field(resource: Resource, field: Field) -> list[Filter]:
    """Return the filters of a field: equality, part of a text, an element, and ranges."""
    name = field.attribute
    kind = element_type(resource, field)
    label = name.replace("_", " ")
    if field.type == "json":
        return []
    if field.is_array:
        return [Filter(name, name, kind, "has", f"An element of the {label}")]
    if field.type == "text" or (field.type == "string" and not field.is_unique):
        return [Filter(name, name, "LinePart", "contains", f"Part of the {label}, in any case")]
    filters = []
    if field.type != "datetime":
        filters.append(Filter(name, name, kind, "equals"))
    for suffix, method in RANGES.get(field.type, {}).items():
        filters.append(Filter(f"{name}_{suffix}", name, kind, method))
    return filters
