"""What autogenerate compares, and how it writes what it has found."""

from collections.abc import Mapping
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrationScript
from sqlalchemy import MetaData
from sqlalchemy.types import TypeDecorator

from migrations import history


def options(metadata: MetaData) -> dict[str, Any]:
    """Return the arguments of `context.configure` for these models."""
    schemas = {None, *(table.schema for table in metadata.tables.values())}

    def include_name(name: str | None, kind: str, _parents: Mapping[str, str | None]) -> bool:
        return name in schemas if kind == "schema" else name != history.TABLE

    return {
        "compare_server_default": True,
        "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        "include_schemas": len(schemas) > 1,
        "include_name": include_name,
        "render_item": render_item,
        "process_revision_directives": drop_empty,
    }


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:  # noqa: ANN401
    """Write a type of ours as the type it stores: a revision must not change with the code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def drop_empty(_context: object, _revision: object, directives: list[MigrationScript]) -> None:
    """Write no file when autogenerate has found nothing to do."""
    operations = directives[0].upgrade_ops
    asked = getattr(context.config.cmd_opts, "autogenerate", False)
    if asked and operations and operations.is_empty():
        directives.clear()
        context.config.print_stdout("The models and the database agree: no revision to write.")
