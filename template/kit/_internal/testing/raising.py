"""Which errors a route raises, as far as its code says so, and which it documents."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from enum import EnumType
from types import FunctionType, ModuleType
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from kit.errors import ProblemError

ERRORS = (HTTPException, ProblemError)


def raised_statuses(route: APIRoute, package: str) -> set[int]:
    """Return the statuses of the errors that a route, its dependencies and what they call raise.

    Read from the code of functions of the service's package, where a status is a constant.
    """
    statuses: set[int] = set()
    known: set[FunctionType] = set()
    waiting = [inspect.unwrap(function) for function in functions_of(route.dependant)]
    while waiting:
        function = waiting.pop()
        if is_function_of(package, function) and function not in known:
            known.add(function)
            for node in uncaught(parse(function)):
                if isinstance(node, ast.Call):
                    waiting.append(inspect.unwrap(resolve(node.func, function)))
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                    statuses.update(status_of(node.exc, function))
    return statuses


def functions_of(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    if dependant.call is not None:
        yield dependant.call
    for dependency in dependant.dependencies:
        yield from functions_of(dependency)


def is_function_of(package: str, value: object) -> bool:
    return inspect.isfunction(value) and value.__module__.partition(".")[0] == package


def parse(function: Callable[..., Any]) -> ast.AST:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):
        return ast.Module([], [])


def uncaught(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree, but not those of which errors are handled."""
    yield node
    for name, value in ast.iter_fields(node):
        if isinstance(node, ast.Try) and name == "body" and any(map(handles, node.handlers)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from uncaught(child)


def handles(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler is for the errors of routes, as far as its text says so."""
    caught = ast.unparse(handler.type) if handler.type else "Exception"
    return re.search(r"\b(?:Base)?Exception\b|HTTPException|ProblemError", caught) is not None


def resolve(node: ast.AST, function: FunctionType) -> Any:  # noqa: ANN401
    """Return the value of a name of the function's module, or of an attribute of one."""
    if isinstance(node, ast.Name):
        return function.__globals__.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = resolve(node.value, function)
        if isinstance(owner, ModuleType | EnumType):
            return getattr(owner, node.attr, None)
    return None


def status_of(call: ast.Call, function: FunctionType) -> Iterator[int]:
    """Yield the status with which an error is created, if that is a constant."""
    error = resolve(call.func, function)
    if not isinstance(error, type) or not issubclass(error, ERRORS):
        return
    fixed = fixed_status(error)
    if fixed is not None:
        yield fixed
        return
    named = [word.value for word in call.keywords if word.arg in {"status", "status_code"}]
    for node in [*call.args[:1], *named][:1]:
        status = node.value if isinstance(node, ast.Constant) else resolve(node, function)
        if isinstance(status, int):
            yield int(status)


def fixed_status(error: type) -> int | None:
    """Return the status that a class gives all of its errors, as NotFoundError does."""
    for node in ast.walk(parse(error.__init__)):  # type: ignore[misc]
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, int):
                    return argument.value
    return None


def documented_statuses(responses: dict[str, Any]) -> set[int]:
    """Return the statuses that are documented; 4XX and default are all that they stand for."""
    statuses = {int(status) for status in responses if status.isdigit()}
    if "default" in responses:
        statuses.update(range(400, 600))
    for status in responses:
        if status.endswith("XX"):
            statuses.update(range(int(status[0]) * 100, int(status[0]) * 100 + 100))
    return statuses
