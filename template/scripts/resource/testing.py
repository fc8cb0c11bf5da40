"""Parts of generated tests, as Python code: parameters, paths and bodies."""

from collections.abc import Sequence
from typing import Any

from scripts.resource.cases import changes_of, filter_cases_of, refused_of
from scripts.resource.examples import examples_of
from scripts.resource.model import Resource
from scripts.resource.names import fixture_name, item_name
from scripts.resource.relations import (
    EVERYONE,
    UNKNOWN_ID,
    braces,
    kind_of,
    parent_of,
    references_of,
    uniques_of,
    unknown_path,
)
from scripts.resource.statements import has_references

__all__ = ["variables_of_tests"]

# Parameters of tests in the order in which they are written, with their types.
TYPES = {
    "client": "AsyncClient",
    "path": "str",
    "rows": "Rows",
    "database": "Database",
}


class TestCode:
    """Writes the parts of tests that depend on how a resource is reached and created."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.parent = parent_of(resource)
        self.fixture = fixture_name(resource.singular)
        self.can_create = "create" in resource.actions
        self.can_update = "update" in resource.actions
        self.has_references = has_references(resource)
        self.uniques = uniques_of(resource)
        self.first = resource.singular.upper()
        self.second = f"OTHER_{self.first}"

    def parameters(self, *names: str) -> str:
        """Return parameters of a function, each once: `client: AsyncClient, rows: Rows`."""
        types = {**TYPES, self.fixture: "dict[str, Any]"}
        if self.parent is not None:
            types[self.parent.fixture] = self.parent.model
        return ", ".join(f"{name}: {types[name]}" for name in dict.fromkeys(names))

    def arguments(self, *names: str) -> str:
        """Return arguments of a call, in the order of parameters()."""
        return ", ".join(dict.fromkeys(names))

    @property
    def annotation(self) -> str:
        """The type of the examples, which mypy does not infer from an empty dict."""
        if examples_of(self.resource, 0):
            return ""
        return ": dict[str, Any]"

    @property
    def paths(self) -> list[str]:
        """The parameter with the path of the collection, if it is in another resource."""
        if self.parent is None:
            return []
        return ["path"]

    @property
    def parents(self) -> list[str]:
        """The parameter with the parent."""
        if self.parent is None:
            return []
        return [self.parent.fixture]

    @property
    def creating(self) -> list[str]:
        """The parameters that creating a row needs."""
        if not self.can_create:
            return [*self.parents, "rows"]
        if self.has_references:
            return ["client", *self.paths, "rows"]
        return ["client", *self.paths]

    @property
    def posting(self) -> list[str]:
        """The parameters of a test that sends a body, and changes a row."""
        names = ["client", *self.paths]
        if self.can_update:
            names.append(self.fixture)
        if self.can_create and self.has_references:
            names.append("rows")
        return names

    @property
    def url(self) -> str:
        """The path of the collection, as an expression."""
        if self.parent is None:
            return f'"{self.resource.path}"'
        return "path"

    @property
    def collection(self) -> str:
        """The path of the collection, in an f-string."""
        if self.parent is None:
            return self.resource.path
        return "{path}"

    @property
    def item(self) -> str:
        """The path of the fixture's row, in an f-string."""
        return self.collection + "/" + braces(f"{self.fixture}['id']")

    @property
    def unknown_item(self) -> str:
        return f"{self.collection}/{UNKNOWN_ID}"

    @property
    def other_item(self) -> str:
        return self.collection + "/" + braces("other.id")

    @property
    def guarded_path(self) -> str:
        """A path that methods have, as an expression."""
        path = unknown_path(self.resource)
        if not self.collection_methods:
            path = f"{path}/{UNKNOWN_ID}"
        if UNKNOWN_ID in path:
            return f'f"{path}"'
        return f'"{path}"'

    @property
    def collection_methods(self) -> list[str]:
        methods = {"list": "GET", "create": "POST"}
        return [method for action, method in methods.items() if action in self.resource.actions]

    @property
    def item_methods(self) -> list[str]:
        methods = {"read": "GET", "update": "PATCH", "delete": "DELETE"}
        return [method for action, method in methods.items() if action in self.resource.actions]

    @property
    def parent_values(self) -> str:
        """The argument with which a factory creates rows of the parent of the test."""
        if self.parent is None or self.resource.parent is None:
            return ""
        return f", {self.resource.parent.attribute}={self.parent.fixture}.id"

    @property
    def unlike_fixture(self) -> str:
        """Values that differ from those of the fixture where they have to."""
        if self.can_update and self.needs_second:
            return self.second
        return self.first

    @property
    def needs_second(self) -> bool:
        """Whether tests need a second example."""
        if "list" in self.resource.actions and filter_cases_of(self.resource):
            return True
        return self.can_create and bool(self.uniques)

    @property
    def change(self) -> str | None:
        """A change that each version of the resource accepts, or None."""
        changes = changes_of(self.resource)
        if not changes:
            return None
        return changes[0]

    @property
    def all_rows(self) -> str:
        """The rows of the resource, also those that are deleted."""
        if self.resource.is_owned:
            return EVERYONE
        return "database"

    def id_of(self, variable: str) -> str:
        """Return the id of a row as a request or a model has it."""
        if self.can_create:
            return f"str({variable}.id)"
        return f"{variable}.id"

    def list_of(self, texts: Sequence[str]) -> str:
        quoted = ", ".join(f'"{text}"' for text in texts)
        return f"[{quoted}]"


def variables_of_tests(resource: Resource) -> dict[str, Any]:
    """Return what templates of tests may use, in addition to the variables of all templates."""
    code = TestCode(resource)
    return {
        "changes": changes_of(resource),
        "code": code,
        "examples": [examples_of(resource, 0), examples_of(resource, 1)],
        "filter_cases": filter_cases_of(resource),
        "first": code.first,
        "items": item_name(resource.plural),
        "kind": kind_of(resource.singular),
        "parameters": code.parameters,
        "arguments": code.arguments,
        "outer": code.parent,
        "references": references_of(resource),
        "refused": refused_of(resource),
        "second": code.second,
        "url": code.url,
    }
