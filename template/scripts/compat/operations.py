"""The operations of an OpenAPI document that a load can call, in an order that makes sense."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.compat.made_up_values import Schema, Values

PARAMETER = re.compile(r"\{(\w+)\}")
JSON = "application/json"
# Rows are created first, from the shortest path to the longest, and deleted last.
ORDER = ("post", "get", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """A method of a path, with its part of the document."""

    method: str
    path: str
    description: Schema

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def body(self) -> Schema | None:
        """The schema of its body in JSON, or None if it takes none."""
        content = self.description.get("requestBody", {}).get("content", {})
        schema: Schema | None = content.get(JSON, {}).get("schema")
        return schema

    def parameters(self, values: Values, location: str) -> dict[str, Any]:
        """Return made-up values of the required parameters in `path`, `query` or `header`."""
        chosen = {}
        for described in self.description.get("parameters", ()):
            parameter = values.resolve(described)
            if parameter["in"] == location and parameter.get("required"):
                chosen[parameter["name"]] = values.of(parameter["schema"], parameter["name"])
        return chosen

    def path_for(self, values: Values) -> str | None:
        """Return the path with ids of rows that exist, or None if an id is unknown."""
        for name in PARAMETER.findall(self.path):
            if name not in values.known:
                return None
        return PARAMETER.sub(lambda match: values.known[match[1]], self.path)


def operations_of(document: Schema) -> list[Operation]:
    """Return the operations that take and return JSON, in the order of the calls."""
    operations = []
    for path, item in document.get("paths", {}).items():
        for method in ORDER:
            if method in item:
                description = {**item[method]}
                shared = item.get("parameters", ())
                description["parameters"] = [*shared, *description.get("parameters", ())]
                operations.append(Operation(method, path, description))
    return sorted(filter(is_callable, operations), key=place_of)


def is_callable(operation: Operation) -> bool:
    """Return whether a load can call it: no forms, files or streams, which may never end."""
    described = operation.description
    if "requestBody" in described and operation.body is None:
        return False
    for status, response in described.get("responses", {}).items():
        content = response.get("content", {})
        if status.startswith("2") and content and JSON not in content:
            return False
    return True


def place_of(operation: Operation) -> tuple[int, int, str]:
    depth = len(operation.path.split("/"))
    if operation.method == "delete":
        depth = -depth
    return ORDER.index(operation.method), depth, operation.path


def ids_below(operations: list[Operation], path: str) -> Iterator[str]:
    """Yield the parameters that follow a path: user_id for /users, as in /users/{user_id}."""
    for operation in operations:
        if operation.path.startswith(f"{path}/"):
            match = PARAMETER.match(operation.path.removeprefix(f"{path}/"))
            if match:
                yield match[1]
