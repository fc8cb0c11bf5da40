"""Cases of generated tests: changes, values that the API refuses, and filters, as Python code."""

from dataclasses import dataclass

from scripts.resource.examples import has_two_examples, json_example, typed_example
from scripts.resource.filters import Filter, filters_of
from scripts.resource.model import Field, Resource

# Values that no field of a type takes.
REFUSED = {
    "text": ['""', r'"nul\0"'],
    "int": ['"many"', "2_147_483_648"],
    "bigint": ['"many"', "9_223_372_036_854_775_808"],
    "float": ['"much"'],
    "bool": ['"perhaps"'],
    "date": ['"2026-02-30"'],
    "datetime": ['"2026-01-31T12:00:00"'],
    "uuid": ['"no id"'],
    "json": [r'{"key": "nul\0"}'],
    "enum": ['"no member"'],
    "references": ['"no id"'],
}


@dataclass(frozen=True)
class Case:
    """A line of a parametrized test."""

    # A dict.
    code: str
    # The field, or the index of the example that is found.
    about: str


def changes_of(resource: Resource) -> list[str]:
    """Return the changes with which each field is tested."""
    changes = []
    for field in resource.fields:
        if has_two_examples(field):
            changes.append(pair(field.attribute, json_example(field, 1)))
        if field.is_nullable:
            changes.append(pair(field.attribute, "None"))
    return changes


def refused_of(resource: Resource) -> list[Case]:
    """Return values that each field refuses."""
    cases: list[Case] = []
    for field in resource.fields:
        about = repr(field.attribute)
        cases.extend(Case(pair(field.attribute, value), about) for value in refused_values(field))
    cases.append(Case(pair("unknown_field", "1"), repr("unknown_field")))
    return cases


def refused_values(field: Field) -> list[str]:
    values = refused_scalars(field)
    if field.is_array:
        values = ['"no list"', *(f"[{value}]" for value in values)]
    if not field.is_nullable and field.type != "json":
        values.append("None")
    return values


def refused_scalars(field: Field) -> list[str]:
    match field.type:
        case "string":
            return [r'" \t "', f'"x" * {(field.length or 0) + 1}', r'"nul\0"']
        case "decimal":
            scale = field.scale or 0
            too_large = "1" + "0" * ((field.precision or 0) - scale)
            too_precise = "0." + "0" * scale + "1"
            return [f'"{too_large}"', f'"{too_precise}"', '"NaN"']
        case _:
            return REFUSED[field.type].copy()


def filter_cases_of(resource: Resource) -> list[Case]:
    """Return filters, each with the index of the example that it finds."""
    fields = {field.attribute: field for field in resource.fields}
    cases = []
    for item in filters_of(resource):
        field = fields.get(item.attribute)
        if field is not None and has_two_examples(field):
            cases.append(filter_case(item, field))
    return cases


def filter_case(item: Filter, field: Field) -> Case:
    """Return a query that finds the first example only, or the second one if that is larger."""
    index = 0
    if item.method in {"at_least", "after"}:
        index = 1
    example = index
    if item.method == "after":
        example = 0
    if item.method == "before":
        example = 1
    value = query_text(field, typed_example(field, example))
    if item.method == "contains":
        value = value.upper()
    return Case(pair(item.parameter, repr(value)), str(index))


def query_text(field: Field, typed: str) -> str:
    """Return a value as it is in a query."""
    if field.type in {"int", "bigint"}:
        return str(int(typed))
    return typed


def pair(name: str, value: str) -> str:
    return "{" + f'"{name}": {value}' + "}"
