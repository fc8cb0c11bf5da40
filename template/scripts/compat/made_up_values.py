"""Values that fit the schemas of an OpenAPI document, as far as these say what fits."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

Schema = Mapping[str, Any]

# Deeper schemas refer to themselves.
MAX_DEPTH = 8
CONSTANTS = {"boolean": True, "null": None}
# Texts of formats, from a number.
FORMATS: Mapping[str, Callable[[int], str]] = {
    "date": lambda _: datetime.now(UTC).date().isoformat(),
    "date-time": lambda _: datetime.now(UTC).isoformat(),
    "email": lambda number: f"compat{number}@example.com",
    "time": lambda _: datetime.now(UTC).time().isoformat(),
    "uri": lambda number: f"https://example.com/{number}",
    "uuid": lambda _: str(uuid4()),
}
# What is tried for a text with a pattern.
FOR_PATTERNS = ("1.00", "a", "A", "aa", "a1", "A1", "2026-01-01", "+441632960001", "#aabbcc")


@dataclass
class Values:
    """Makes up values: `number` makes those of unique columns differ.

    `known` has the ids of rows that exist, by the names of parameters and properties: user_id.
    """

    document: Schema
    number: int
    known: dict[str, str] = field(default_factory=dict)

    def of_object(self, schema: Schema, depth: int = 0, *, required_only: bool) -> dict[str, Any]:
        """Return an object with all properties, or with those that are required."""
        required = schema.get("required", ())
        values = {}
        for name, part in schema.get("properties", {}).items():
            if name in required or not required_only:
                values[name] = self.of(part, name, depth + 1, required_only=required_only)
        return values

    def of(
        self, schema: Schema, name: str = "", depth: int = 0, *, required_only: bool = False
    ) -> Any:  # noqa: ANN401
        """Return a value of a schema, for a property or a parameter with this name."""
        schema = self.resolve(schema)
        value: Any = None
        if name in self.known:
            value = self.known[name]
        elif "const" in schema:
            value = schema["const"]
        elif schema.get("enum"):
            value = schema["enum"][self.number % len(schema["enum"])]
        elif depth < MAX_DEPTH:
            value = self.of_type(schema, depth, required_only=required_only)
        return value

    def of_type(self, schema: Schema, depth: int, *, required_only: bool) -> Any:  # noqa: ANN401
        """Return a value of the type of a schema; a text if it has none."""
        match schema.get("type"):
            case "object":
                return self.of_object(schema, depth, required_only=required_only)
            case "array":
                count = max(1, schema.get("minItems", 0))
                return [self.of(schema.get("items", {}), "", depth + 1)] * count
            case "integer" | "number":
                return self.of_number(schema)
            case "boolean" | "null" as kind:
                return CONSTANTS[kind]
        return self.of_text(schema)

    def resolve(self, schema: Schema) -> Schema:
        """Follow references, and choose the first alternative that is not null."""
        for _ in range(MAX_DEPTH):
            if "$ref" in schema:
                schema = self.find(schema["$ref"])
                continue
            alternatives = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
            if not alternatives:
                break
            first = alternatives[0]
            for alternative in alternatives:
                if alternative.get("type") != "null":
                    first = alternative
                    break
            schema = first
        return schema

    def find(self, reference: str) -> Schema:
        target: Any = self.document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        schema: Schema = target
        return schema

    def of_number(self, schema: Schema) -> float:
        lowest = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        highest = schema.get("maximum", schema.get("exclusiveMaximum", lowest + 1_000) - 1)
        step = schema.get("multipleOf", 1)
        value: float = max(lowest, min(highest, lowest + self.number * step))
        return value

    def of_text(self, schema: Schema) -> str:
        make_up = FORMATS.get(schema.get("format", ""))
        if make_up is not None:
            return make_up(self.number)
        pattern = schema.get("pattern")
        if pattern:
            return text_for(pattern, self.number)
        text = f"compat {self.number}"[: schema.get("maxLength")]
        return text.ljust(schema.get("minLength", 0), "x")


def text_for(pattern: str, number: int) -> str:
    """Return a text that matches a pattern, if a usual text does; with the number if possible."""
    for text in (f"compat {number}", f"compat{number}", str(number + 1), *FOR_PATTERNS):
        try:
            if re.search(pattern, text):
                return text
        except re.error:
            break
    return FOR_PATTERNS[0]


def is_id(value: object) -> bool:
    """Return whether a value may be the id of a row."""
    return isinstance(value, int | UUID) or (isinstance(value, str) and bool(value))
