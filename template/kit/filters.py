"""Conditions of a list: each filter that a client sends limits the rows.

    def filters_of(query: ProductQuery) -> Filters:
        filters = Filters()
        filters.contains(Product.title, query.title)
        filters.at_least(Product.price, query.price_min)
        if query.is_sold_out:
            filters.append(Product.stock == 0)
        return filters

A value of None, which is the default of a query parameter, adds no condition.
"""

from collections import UserList
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

__all__ = ["Filters"]

Attribute = InstrumentedAttribute[Any]


class Filters(UserList[ColumnElement[bool]]):
    """A list of conditions, all of which apply; read_page() takes it."""

    def equals(self, attribute: Attribute, value: object) -> None:
        """Require a value."""
        if value is not None:
            self.append(attribute == value)

    def contains(self, attribute: Attribute, part: str | None) -> None:
        """Require a part of a text, in any case; `%` and `_` have no special meaning."""
        if part is not None:
            self.append(attribute.icontains(part, autoescape=True))

    def has(self, attribute: Attribute, element: object) -> None:
        """Require an element of an array."""
        if element is not None:
            self.append(attribute.contains([element]))

    def at_least(self, attribute: Attribute, value: object) -> None:
        """Require this value or a larger one."""
        if value is not None:
            self.append(attribute >= value)

    def at_most(self, attribute: Attribute, value: object) -> None:
        """Require this value or a smaller one."""
        if value is not None:
            self.append(attribute <= value)

    def after(self, attribute: Attribute, time: date | None) -> None:
        """Require a later time or date."""
        if time is not None:
            self.append(attribute > time)

    def before(self, attribute: Attribute, time: date | None) -> None:
        """Require an earlier time or date."""
        if time is not None:
            self.append(attribute < time)
