"""Brings schemas into a form that can be compared: references resolved, one type each."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from scripts.openapi_changes.findings import Schema

# The key with the name of a resolved schema.
NAME = "x-name"
PREFIX = "#/components/schemas/"
# Keys of a schema of several alternatives that are about all of them together.
DESCRIPTIVE = {"anyOf", "oneOf", "title", "description", "default", "examples", "discriminator"}
UNION_KEYS = ("anyOf", "oneOf")
TYPES_OF_VALUES: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


def resolve(document: Schema, schema: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a schema without a reference and without allOf.

    A referenced schema has its name at NAME. True, and a missing schema, allow any value.
    """
    if not isinstance(schema, Mapping):
        return {}
    resolved = dict(schema)
    while "$ref" in resolved:
        reference = resolved.pop("$ref")
        target = follow(document, reference)
        resolved = {**target, **resolved, NAME: reference.removeprefix(PREFIX)}
    parts = resolved.pop("allOf", [])
    for part in parts:
        resolved = merge(resolve(document, part), resolved)
    return resolved


def follow(document: Schema, reference: str) -> Schema:
    """Return what a reference within the document refers to; nothing if that does not exist."""
    target: Any = document
    for key in reference.removeprefix("#/").split("/"):
        target = target.get(key.replace("~1", "/").replace("~0", "~"), {})
    return dict(target)


def merge(first: Schema, second: Schema) -> dict[str, Any]:
    """Return a schema that requires both; where they differ, the second wins."""
    merged = {**first, **second}
    properties = {**first.get("properties", {}), **second.get("properties", {})}
    required = {*first.get("required", []), *second.get("required", [])}
    if properties:
        merged["properties"] = properties
    if required:
        merged["required"] = sorted(required)
    return merged


def is_union(schema: Schema) -> bool:
    return not schema.keys().isdisjoint(UNION_KEYS)


def alternatives(document: Schema, schema: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return the schemas of one type each, one of which a value fits."""
    resolved = resolve(document, schema)
    for key in UNION_KEYS:
        if key in resolved:
            common = dict(resolved)
            for name in {*DESCRIPTIVE, NAME} & common.keys():
                del common[name]
            merged: list[dict[str, Any]] = []
            for part in resolved[key]:
                merged += map(partial(merge, common), alternatives(document, part))
            return merged
    if "const" in resolved:
        resolved["enum"] = [resolved.pop("const")]
    kinds = resolved.get("type")
    if kinds is None:
        kinds = infer_types(resolved)
    if isinstance(kinds, str):
        kinds = [kinds]
    if not kinds:
        return [resolved]
    return list(map(partial(of_type, resolved), kinds))


def infer_types(schema: Schema) -> list[str]:
    """Return the types of a schema that does not name them; none if any value fits."""
    if "enum" in schema:
        return sorted({*map(TYPES_OF_VALUES.__getitem__, map(type, schema["enum"]))})
    if "properties" in schema:
        return ["object"]
    if "items" in schema or "prefixItems" in schema:
        return ["array"]
    return []


def of_type(schema: Schema, kind: str) -> dict[str, Any]:
    """Return a schema with only this type, and those values of an enum that have it."""
    limited = {**schema, "type": kind}
    if "enum" in schema:
        limited["enum"] = [value for value in schema["enum"] if has_type(value, kind)]
    return limited


def has_type(value: object, kind: str) -> bool:
    own = TYPES_OF_VALUES.get(type(value), kind)
    return own == kind or (own == "integer" and kind == "number")


def can_hold(target: Schema, source: Schema) -> bool:
    """Return whether the type of a schema has all values of the type of another one."""
    kind = target.get("type")
    return kind in {None, source.get("type")} or (kind, source.get("type")) == ("number", "integer")


def describe(schema: Schema) -> str:
    """Return what a value is, in a word or two: its name, or its type and format."""
    if NAME in schema:
        return str(schema[NAME])
    for key in UNION_KEYS:
        if key in schema:
            return " or ".join(map(describe, schema[key]))
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(PREFIX)
    kind = str(schema.get("type", "any value"))
    if "format" in schema:
        return f"{kind} ({schema['format']})"
    return kind
