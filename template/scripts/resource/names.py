"""Names of variables in generated code, which hide neither builtins nor what the code uses."""

import builtins

from scripts.resource.imports import MODULES, RENAMED
from scripts.resource.model import Resource

# Parameters and variables of routes.
ROUTE_NAMES = {
    "attempt",
    "body",
    "database",
    "filters",
    "filters_of",
    "if_match",
    "once",
    "page",
    "query",
    "request",
    "response",
    "router",
    "rows",
    "session",
    "values",
}
# Fixtures of kit, functions and parameters of tests.
TEST_NAMES = {
    "added",
    "after",
    "again",
    "app",
    "body",
    "change",
    "client",
    "client_as",
    "create",
    "created",
    "database",
    "databases",
    "engine",
    "engines",
    "error",
    "etag",
    "field",
    "first",
    "found",
    "headers",
    "ids",
    "index",
    "item",
    "key",
    "log",
    "mails",
    "method",
    "old",
    "other",
    "own_app",
    "own_client",
    "own_url",
    "path",
    "paths",
    "problem",
    "query",
    "read",
    "request",
    "response",
    "row",
    "rows",
    "server",
    "service",
    "shared_url",
    "statement",
    "template",
    "time",
    "unknown",
    "url",
    "values",
}
HIDING = {*dir(builtins), *MODULES, *RENAMED}


def row_name(resource: Resource) -> str:
    """Return the variable of a row in routes: "product"."""
    if resource.singular in ROUTE_NAMES | HIDING:
        return "row"
    return resource.singular


def fixture_name(singular: str) -> str:
    """Return the variable of a resource in tests: "product"."""
    if singular in TEST_NAMES | HIDING:
        return f"new_{singular}"
    return singular


def item_name(plural: str) -> str:
    """Return the variable of several rows in tests: "products"."""
    if plural in TEST_NAMES | HIDING:
        return "added"
    return plural
