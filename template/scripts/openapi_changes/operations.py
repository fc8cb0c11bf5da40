"""Compares two versions of an API: operations, their parameters, bodies and answers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.openapi_changes.alternatives import resolve
from scripts.openapi_changes.findings import Change, Schema, obstacle_to_removal
from scripts.openapi_changes.schemas import SchemaComparison
from scripts.openapi_changes.security import compare_schemes, compare_security, requirements_of

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# A parameter in a path, whose name is of no importance.
PARAMETER = re.compile(r"\{([^{}]*)\}")
# What identifies a parameter: where it is, and its name, or its position in the path.
ParameterKey = tuple[str, str]


@dataclass(frozen=True)
class Operation:
    """An operation of a document: its path, and its parameters with those of the path."""

    document: Schema
    path: str
    definition: Schema
    shared_parameters: tuple[Schema, ...]

    def parameters(self) -> dict[ParameterKey, dict[str, Any]]:
        parameters = {}
        positions = PARAMETER.findall(self.path)
        for parameter in (*self.shared_parameters, *self.definition.get("parameters", [])):
            resolved = resolve(self.document, parameter)
            name = str(resolved["name"])
            if resolved["in"] == "path":
                name = str(positions.index(name))
            if resolved["in"] == "header":
                name = name.lower()
            parameters[resolved["in"], name] = resolved
        return parameters

    def body(self) -> dict[str, Any]:
        return resolve(self.document, self.definition.get("requestBody"))

    def answers(self) -> dict[str, dict[str, Any]]:
        """Return the answers by status."""
        answers = {}
        for status, answer in self.definition.get("responses", {}).items():
            answers[status] = resolve(self.document, answer)
        return answers


def operations_of(document: Schema) -> dict[tuple[str, str], Operation]:
    """Return the operations by method and path, without the names of parameters in the path."""
    operations = {}
    for path, item in document.get("paths", {}).items():
        shared = tuple(item.get("parameters", []))
        for method in METHODS:
            if method in item:
                key = (method, PARAMETER.sub("{}", path))
                operations[key] = Operation(document, path, item[method], shared)
    return operations


def compare_apis(old: Schema, new: Schema) -> Iterator[tuple[str, Change]]:
    """Yield the breaking changes, each with the operation that it is in, such as `GET /users`."""
    others = operations_of(new)
    for key, operation in operations_of(old).items():
        label = f"{key[0].upper()} {operation.path}"
        for change in compare_operations(operation, others.get(key), label):
            yield label, change
    for change in compare_schemes(old, new):
        yield change.where, change


def compare_operations(old: Operation, new: Operation | None, label: str) -> Iterator[Change]:
    if new is None:
        obstacle = obstacle_to_removal(old.definition)
        if obstacle is not None:
            text = f"the operation does not exist any more; {obstacle}"
            yield Change(label, "operation-removed", text)
        return
    before = requirements_of(old.document, old.definition)
    yield from compare_security(before, requirements_of(new.document, new.definition), label)
    requests = SchemaComparison(old.document, new.document, is_request=True)
    yield from compare_parameters(old.parameters(), new.parameters(), label, requests)
    yield from compare_bodies(old.body(), new.body(), f"{label} body", requests)
    answers = SchemaComparison(old.document, new.document, is_request=False)
    yield from compare_answers(old.answers(), new.answers(), label, answers)


def compare_parameters(
    old: Mapping[ParameterKey, Schema],
    new: Mapping[ParameterKey, Schema],
    label: str,
    comparison: SchemaComparison,
) -> Iterator[Change]:
    for key, before in old.items():
        where = f"{label} {before['in']}.{before['name']}"
        if key in new:
            yield from comparison.compare(before.get("schema"), new[key].get("schema"), where)
            continue
        obstacle = obstacle_to_removal(before)
        if obstacle is not None:
            text = f"the parameter does not exist any more; {obstacle}"
            yield Change(where, "parameter-removed", text)
    for key, after in new.items():
        if after.get("required") and not old.get(key, {}).get("required"):
            where = f"{label} {after['in']}.{after['name']}"
            yield Change(where, "parameter-required", "requests need it now")


def compare_bodies(
    old: Schema, new: Schema, where: str, comparison: SchemaComparison
) -> Iterator[Change]:
    if old and not new:
        yield Change(where, "body-removed", "requests have no body any more")
        return
    if new.get("required") and not old.get("required"):
        yield Change(where, "body-required", "requests need a body now")
    yield from compare_contents(old, new, where, comparison)


def compare_answers(
    old: Mapping[str, Schema],
    new: Mapping[str, Schema],
    label: str,
    comparison: SchemaComparison,
) -> Iterator[Change]:
    """Yield changes of answers; new errors, and errors that do not happen any more, are none."""
    for status, before in old.items():
        where = f"{label} {status}"
        if status in new:
            yield from compare_contents(before, new[status], where, comparison)
            for name in sorted(before.get("headers", {}).keys() - new[status].get("headers", {})):
                yield Change(where, "header-removed", f"answers have no {name} any more")
        elif not is_error(status):
            yield Change(where, "status-removed", "the operation does not answer with it any more")
    for status in new:
        if status not in old and not is_error(status):
            yield Change(f"{label} {status}", "status-added", "clients do not expect this status")


def is_error(status: str) -> bool:
    return status.startswith(("4", "5"))


def compare_contents(
    old: Schema, new: Schema, where: str, comparison: SchemaComparison
) -> Iterator[Change]:
    """Yield the changes of a body in its media types."""
    others = new.get("content", {})
    for media_type, content in old.get("content", {}).items():
        if media_type not in others:
            yield Change(where, "media-type-removed", f"{media_type} is not supported any more")
            continue
        yield from comparison.compare(
            content.get("schema"), others[media_type].get("schema"), where
        )
