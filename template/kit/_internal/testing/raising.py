"""Finds the error statuses that a route raises in its source, and those that it documents."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from enum import EnumType
from types import FunctionType, ModuleType
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from kit.errors import ProblemError

ERRORS = (HTTPException, ProblemError)
# Classes in an `except` clause that handles these errors.
HANDLED = re.compile(r"\b(?:Base)?Exception\b|HTTPException|ProblemError")


def raised_statuses(route: APIRoute, package: str) -> set[int]:
    """Return the error statuses that a route, its dependencies and the functions they call raise.

    Reads the source of functions in the service's package, where a status must be a constant.
    Functions of kit say what they raise.
    """
    statuses: set[int] = set()
    visited: set[FunctionType] = set()
    pending: list[Any] = []
    for function in functions_of(route.dependant):
        statuses.update(marked_statuses(function))
        pending.append(inspect.unwrap(function))
    while pending:
        function = pending.pop()
        if not is_function_of(package, function) or function in visited:
            continue
        visited.add(function)
        for node in uncaught(parse(function)):
            if isinstance(node, ast.Call):
                called = resolve(node.func, function)
                statuses.update(marked_statuses(called))
                pending.append(inspect.unwrap(called))
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                statuses.update(status_of(node.exc, function))
    return statuses


def marked_statuses(function: object) -> Sequence[int]:
    """Return the statuses with which raises() of kit._internal.problems has marked a function."""
    statuses: Sequence[int] = getattr(function, "raised_statuses", ())
    return statuses


def functions_of(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """Yield the functions of a route and of its dependencies."""
    if dependant.call is not None:
        yield dependant.call
    for dependency in dependant.dependencies:
        yield from functions_of(dependency)


def is_function_of(package: str, value: object) -> bool:
    return inspect.isfunction(value) and value.__module__.partition(".")[0] == package


def parse(function: object) -> ast.AST:
    """Return the syntax tree of a function; an empty one if it has no source."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]
    except (OSError, SyntaxError, TypeError):
        return ast.Module([], [])


def uncaught(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree, without bodies of `try` whose errors are handled."""
    yield node
    handled: list[ast.stmt] = []
    if isinstance(node, ast.Try) and any(handles_errors(item) for item in node.handlers):
        handled = node.body
    for child in ast.iter_child_nodes(node):
        if child not in handled:
            yield from uncaught(child)


def handles_errors(handler: ast.ExceptHandler) -> bool:
    """Return whether an `except` clause names the errors of routes, or a base class."""
    if handler.type is None:
        return True
    return HANDLED.search(ast.unparse(handler.type)) is not None


def resolve(node: ast.AST, function: FunctionType) -> Any:  # noqa: ANN401
    """Return the value of a global name or of an attribute of a module or enum, or None."""
    if isinstance(node, ast.Name):
        return function.__globals__.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = resolve(node.value, function)
        if isinstance(owner, ModuleType | EnumType):
            return getattr(owner, node.attr, None)
    return None


def status_of(call: ast.Call, function: FunctionType) -> Iterator[int]:
    """Yield the status of a created error, if it is a constant."""
    error = resolve(call.func, function)
    if not isinstance(error, type) or not issubclass(error, ERRORS):
        return
    status = fixed_status(error)
    if status is None:
        status = constant(status_argument(call), function)
    if isinstance(status, int):
        yield int(status)


def fixed_status(error: type) -> object:
    """Return the status of all errors of a class, such as NotFoundError, or None."""
    for node in ast.walk(parse(inspect.getattr_static(error, "__init__"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
            argument = status_argument(node)
            if isinstance(argument, ast.Constant) and isinstance(argument.value, int):
                return argument.value
    return None


def status_argument(call: ast.Call) -> ast.expr | None:
    """Return the first argument, or the keyword argument for the status."""
    if call.args:
        return call.args[0]
    for keyword in call.keywords:
        if keyword.arg in {"status", "status_code"}:
            return keyword.value
    return None


def constant(node: ast.expr | None, function: FunctionType) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    if node is None:
        return None
    value: object = resolve(node, function)
    return value


def documented_statuses(responses: dict[str, Any]) -> set[int]:
    """Return the documented statuses; `4XX` and `default` include all of theirs."""
    statuses: set[int] = set()
    for status in responses:
        if status == "default":
            statuses.update(range(400, 600))
        elif status.endswith("XX"):
            first = int(status[0]) * 100
            statuses.update(range(first, first + 100))
        elif status.isdigit():
            statuses.add(int(status))
    return statuses
