"""Values of fields for generated tests."""

import json
from datetime import date, datetime
from decimal import Decimal

from scripts.resource.model import Field, Resource
from scripts.resource.values import literal

# Two values of each type, as typed in `fields`; neither is a default.
EXAMPLES = {
    "int": ("11", "22"),
    "bigint": ("5000000011", "5000000022"),
    "float": ("1.5", "2.5"),
    "date": ("2026-01-31", "2026-02-28"),
    "datetime": ("2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z"),
    "uuid": ("0198a5c0-0000-7000-8000-000000000001", "0198a5c0-0000-7000-8000-000000000002"),
    "json": ('{"key": "first"}', '{"key": "second"}'),
}


def typed_example(field: Field, index: int) -> str:
    """Return the first or second example of a value, as typed in `fields`."""
    label = field.name.replace("_", " ")
    match field.type:
        case "string" | "text":
            text = f"{('First', 'Second')[index]} {label}"
            if field.length is not None and len(text) > field.length:
                return "ab"[index]
            return text
        case "bool":
            return ("true", "false")[index]
        case "enum":
            return field.values[min(index, len(field.values) - 1)]
        case "decimal":
            return decimal_example(field, index)
        case _:
            return EXAMPLES[field.type][index]


def decimal_example(field: Field, index: int) -> str:
    """Return a decimal of at most the field's digits, with all of its decimal places."""
    scale = field.scale or 0
    smallest = Decimal(1).scaleb(-scale)
    if (field.precision or 0) > scale:
        return str(Decimal(index + 1).quantize(smallest))
    return str(smallest * (index + 1))


def json_example(field: Field, index: int) -> str:
    """Return an example as it is in JSON, as Python code."""
    value = json_scalar(field, typed_example(field, index))
    if field.is_array:
        return f"[{value}]"
    return value


def json_scalar(field: Field, typed: str) -> str:
    """Return a value as it is in JSON, as Python code."""
    match field.type:
        case "int" | "bigint":
            return f"{int(typed):_}"
        case "float":
            return repr(float(typed))
        case "bool":
            return str(typed == "true")
        case "json":
            return repr(json.loads(typed))
        case _:
            return repr(typed)


def python_example(resource: Resource, field: Field, index: int) -> str:
    """Return an example as the model has it, as Python code."""
    typed = typed_example(field, index)
    value = python_scalar(resource, field, typed)
    if field.is_array:
        return f"[{value}]"
    return value


def python_scalar(resource: Resource, field: Field, typed: str) -> str:
    """Return a value as the model has it, as Python code."""
    match field.type:
        case "date":
            day = date.fromisoformat(typed)
            return f"date({day.year}, {day.month}, {day.day})"
        case "datetime":
            time = datetime.fromisoformat(typed)
            return f"datetime({time.year}, {time.month}, {time.day}, {time.hour}, tzinfo=UTC)"
        case "uuid":
            return f'UUID("{typed}")'
        case "json":
            return repr(json.loads(typed))
        case _:
            return literal(resource, field, typed)


def examples_of(resource: Resource, index: int) -> dict[str, str]:
    """Return a value of each field that refers to no other row, as Python code.

    They are those of a request; if the API does not create rows, those of a model.
    """
    examples = {}
    for field in resource.fields:
        if field.reference is not None:
            continue
        if "create" in resource.actions:
            examples[field.attribute] = json_example(field, index)
        else:
            examples[field.attribute] = python_example(resource, field, index)
    return examples


def has_two_examples(field: Field) -> bool:
    """Return whether the examples of a field differ, and refer to no other row."""
    if field.type == "enum":
        return len(field.values) > 1
    return field.reference is None
