"""Factories: rows with made-up values for tests.

    class ProductFactory(RowFactory[Product]):
        title = "A product"

    product = await ProductFactory.add(rows, price=Decimal("9.90"))
    category = await add_row(rows, Category)

`rows` is the fixture of kit.testing.plugin. A factory makes up what a row requires; other columns
have their defaults. It adds the rows that a row refers to, with their own factories. The values are
the same in each run of a test, and those of its rows differ, so that unique columns accept them.

A factory is one of polyfactory, whose documentation shows what else its attributes can be:
https://polyfactory.litestar.dev
"""

from typing import Any, Generic, TypeVar

from polyfactory.factories.base import BuildContext
from polyfactory.factories.sqlalchemy_factory import SQLAlchemyFactory
from polyfactory.field_meta import FieldMeta
from sqlalchemy import Column, inspect
from sqlalchemy.orm import DeclarativeBase

from kit._internal.foreign_keys import references_of
from kit._internal.testing.clients import Rows
from kit._internal.testing.made_up import can_make_up, make_up, numbers
from kit.models import Owned

__all__ = ["RowFactory", "add_row"]

RowT = TypeVar("RowT", bound=DeclarativeBase)
# The owner of new rows: the client of the fixture `client`.
OWNER = "tests"
# The factories of models.
factories: dict[type[DeclarativeBase], "type[RowFactory[Any]]"] = {}


class RowFactory(SQLAlchemyFactory[RowT], Generic[RowT]):
    """The base of factories: a subclass names its model in brackets.

    Its attributes are values of columns, or functions that return them.
    """

    __is_base_factory__ = True
    __set_relationships__ = False
    __set_association_proxy__ = False

    def __init_subclass__(cls, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(*arguments, **options)
        if "__is_base_factory__" not in vars(cls):
            factories[cls.__model__] = cls

    @classmethod
    async def add(cls, rows: Rows, /, **values: Any) -> RowT:  # noqa: ANN401
        """Add a row with these values, and the rows that it requires; return it."""
        for reference in references_of(cls.__model__):
            names = reference.attributes
            columns = [inspect(cls.__model__).columns[name] for name in names]
            if reference.target_model is None or not any(map(is_required, columns)):
                continue
            if any(name in values for name in names):
                continue
            target = await add_row(rows, reference.target_model)
            for name, column in zip(names, reference.targets, strict=True):
                key = inspect(reference.target_model).get_property_by_column(column).key
                values[name] = getattr(target, key)
        row = cls.build(**values)
        await rows(row)
        return row

    @classmethod
    def get_model_fields(cls) -> list[FieldMeta]:
        """Return what build() sets: the columns that a row requires, except foreign keys."""
        fields = []
        for name, column in inspect(cls.__model__).columns.items():
            if is_required(column) and not column.foreign_keys:
                annotation: Any = Any
                if not can_make_up(column):
                    annotation = cls.get_type_from_column(column)
                fields.append(FieldMeta.from_type(annotation, name=name))
        return fields

    @classmethod
    def get_field_value(
        cls,
        field_meta: FieldMeta,
        field_build_parameters: Any | None = None,  # noqa: ANN401
        build_context: BuildContext | None = None,
    ) -> Any:  # noqa: ANN401
        """Return a value for a column."""
        column = inspect(cls.__model__).columns[field_meta.name]
        if column.name == "owner" and Owned in cls.__model__.__mro__:
            return OWNER
        if can_make_up(column):
            return make_up(column, numbers.next())
        return super().get_field_value(field_meta, field_build_parameters, build_context)


async def add_row(rows: Rows, model: type[RowT], /, **values: Any) -> RowT:  # noqa: ANN401
    """Add a row of a model with its factory, or with made-up values if it has none; return it."""
    factory: Any = factories.get(model)
    if factory is None:
        factory = RowFactory.create_factory(model)
    row: RowT = await factory.add(rows, **values)
    return row


def restart() -> None:
    """Make factories begin with the same values again, as each test does."""
    numbers.restart()
    RowFactory.seed_random(0)


def is_required(column: Column[Any]) -> bool:
    """Return whether an INSERT has to have a value of a column."""
    if column.nullable or column.default is not None or column.server_default is not None:
        return False
    return column.identity is None and column.computed is None
