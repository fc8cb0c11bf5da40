"""The tables that kit adds to those of the project, such as those of accounts, in autogenerate."""

from collections.abc import Callable, Mapping
from typing import Any

from alembic import context
from sqlalchemy import MetaData, Table

from kit._internal.auth.interface import ADDED_BY


def answer_of(table: str) -> str | None:
    """Return the answer that has added this table to the models of the Alembic command, or None."""
    models: MetaData = context.get_context().opts["target_metadata"]
    if table not in models.tables:
        return None
    answer: str | None = models.tables[table].info.get(ADDED_BY)
    return answer


def include_names(project: Callable[..., bool]) -> Callable[..., bool]:
    """Return the project's filter of names, which does not apply to tables of kit.

    A filter that lists the project's tables would hide them: autogenerate would add them again and
    again.
    """

    def is_included(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
        table = parents.get("schema_qualified_table_name")
        if table is not None and answer_of(table) is not None:
            return True
        return project(name, kind, parents)

    return is_included


def include_objects(project: Callable[..., bool]) -> Callable[..., bool]:
    """Return the project's filter of tables and columns, which does not apply to those of kit."""

    def is_included(item: Any, *arguments: Any) -> bool:  # noqa: ANN401
        table = item
        if not isinstance(item, Table):
            table = getattr(item, "table", None)
        if table is not None and answer_of(table.fullname) is not None:
            return True
        return project(item, *arguments)

    return is_included
