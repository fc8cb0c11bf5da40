"""Keeps what FastAPI finds out about endpoints from one application of the tests to the next.

Each test has an application of its own, and FastAPI reads the parameters and the models of all
endpoints again for each: 100 ms for a test of a service with 16 resources, and 15 ms with this
module. FastAPI has no option for it. The functions that are replaced are
`fastapi.routing.get_dependant` and `fastapi.routing.create_model_field`, as of FastAPI 0.165. Where
they do not exist, nothing is replaced. tests/kit/test_endpoints.py of the template fails when
FastAPI no longer uses them.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from types import FunctionType
from typing import Any

import pytest
from fastapi import routing

# Results that are kept, of several hundred routes.
RESULTS_MAX = 4096


def keep_endpoints(patch: pytest.MonkeyPatch) -> None:
    """Let applications share the parameters and the models of their endpoints."""
    for name, copy in (("get_dependant", copy_dependant), ("create_model_field", share)):
        function = getattr(routing, name, None)
        if function is not None:
            patch.setattr(routing, name, kept(function, copy))


def kept(function: Callable[..., Any], copy: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a function that calls another one once for the same named arguments."""

    @lru_cache(maxsize=RESULTS_MAX)
    def call_once(*options: tuple[str, Any]) -> Any:  # noqa: ANN401
        return function(**dict(options))

    def call(**options: Any) -> Any:  # noqa: ANN401
        if all(is_lasting(value) for value in options.values()):
            return copy(call_once(*options.items()))
        return function(**options)

    return call


def is_lasting(argument: object) -> bool:
    """Return whether an argument is the same for all applications, and may stay in memory.

    Functions and classes within a function belong to a test, and other objects to an application.
    """
    if isinstance(argument, FunctionType | type):
        return "<locals>" not in argument.__qualname__
    return argument is None or isinstance(argument, str)


def copy_dependant(dependant: Any) -> Any:  # noqa: ANN401
    """Return a copy to which an application adds the dependencies of its routers."""
    return replace(dependant, dependencies=[*dependant.dependencies])


def share(field: Any) -> Any:  # noqa: ANN401
    """Return the field of a model itself, which FastAPI does not change."""
    return field
