"""OpenAPI documents with one operation, for tests of changes of an API."""

from typing import Any

Schema = dict[str, Any]
STRING, INTEGER, NUMBER, NULL = ({"type": name} for name in ("string", "integer", "number", "null"))
CAT, DOG, NODE = ({"$ref": f"#/components/schemas/{name}"} for name in ("Cat", "Dog", "Node"))
PETS = {
    "Cat": {
        "type": "object",
        "properties": {"kind": {"const": "cat"}, "lives": INTEGER},
        "required": ["kind"],
    },
    "Dog": {
        "type": "object",
        "properties": {"kind": {"const": "dog"}, "tail": STRING},
        "required": ["kind", "tail"],
    },
}
GONE, OVER = {"deprecated": True}, {"deprecated": True, "x-sunset": "2000-01-01"}


def any_of(*schemas: Schema, **keys: Any) -> Schema:
    return {"anyOf": list(schemas), **keys}


def things(required: tuple[str, ...] = (), other: object = None, **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "required": list(required)}
    if other is not None:
        schema["additionalProperties"] = other
    return schema


def enum(*values: object) -> Schema:
    return {"type": "string", "enum": list(values)}


def document(operation: Schema, path: str = "/things", method: str = "post", **keys: Any) -> Schema:
    return {"paths": {path: {method: operation}}, **keys}


def content(schema: Schema, media_type: str = "application/json") -> Schema:
    return {"content": {media_type: {"schema": schema}}}


def request(schema: Schema, **schemas: Schema) -> Schema:
    """Return a document with an operation whose body has this schema."""
    return document({"requestBody": content(schema)}, components={"schemas": {**PETS, **schemas}})


def answer(schema: Schema, **schemas: Schema) -> Schema:
    """Return a document with an operation that answers with this schema."""
    operation = {"responses": {"200": content(schema)}}
    return document(operation, components={"schemas": {**PETS, **schemas}})
