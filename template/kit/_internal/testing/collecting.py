"""Keeps pytest from collecting models and schemas, such as those of a resource `testimonial`.

pytest takes each class whose name begins with Test for tests, and warns that these are not.
"""

import inspect

import pytest
from pydantic import BaseModel
from sqlalchemy.orm import DeclarativeBase


def pytest_pycollect_makeitem(collector: pytest.Collector, obj: object) -> list[pytest.Item] | None:
    """Return no tests for a class that a module of tests imports; None leaves others to pytest."""
    del collector
    if inspect.isclass(obj) and is_of_code(obj):
        return []
    return None


def is_of_code(cls: type) -> bool:
    """Return whether a class is a model, a schema or a factory of rows."""
    # Factories are polyfactory's: importing it takes a moment, and few projects name one Test.
    return issubclass(cls, DeclarativeBase | BaseModel) or hasattr(cls, "__model__")
