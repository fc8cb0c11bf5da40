"""Finds the tables in a statement whose rows not every statement may see."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import AliasedReturnsRows, Column, SelectBase, Table, inspect
from sqlalchemy.sql import visitors


def columns_in(statement: Any, models: Iterable[type], name: str) -> dict[Table, Column[Any]]:  # noqa: ANN401
    """Return the tables of these models in a statement, each with its column of an attribute."""
    known: dict[Any, Any] = {}
    for model in models:
        mapper: Any = inspect(model, raiseerr=False)
        # None for a class without a table.
        if mapper is not None:
            column = mapper.columns[name]
            known[column.table] = column
    columns = {}
    for element in visitors.iterate(statement):
        if isinstance(element, Table) and element in known:
            columns[element] = known[element]
    return columns


def nested(statement: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield the subqueries and aliases in a statement."""
    for element in visitors.iterate(statement):
        if element is not statement and isinstance(element, SelectBase | AliasedReturnsRows):
            yield element
