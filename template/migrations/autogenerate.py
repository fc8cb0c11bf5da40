"""What autogenerate compares, and how it writes what it has found."""

from typing import Any, Literal

from alembic import context
from alembic.operations.ops import MigrationScript
from sqlalchemy.types import TypeDecorator

from migrations.history import TABLE


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leave to others the schemas that no model names; history.py looks after its table itself."""
    if kind == "schema":
        models = context.get_context().opts["target_metadata"]
        return name in {None, *(table.schema for table in models.tables.values())}
    return name != TABLE


def render_item(kind: str, item: Any, _context: object) -> str | Literal[False]:  # noqa: ANN401
    """Write a type of ours as the type it stores: a revision must not change with the code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def drop_empty(_context: object, _revision: object, directives: list[MigrationScript]) -> None:
    """Write no file when autogenerate has found nothing to do."""
    asked = getattr(context.config.cmd_opts, "autogenerate", False)
    if asked and all(found.is_empty() for found in directives[0].upgrade_ops_list):
        directives.clear()
        context.config.print_stdout("The models and the database agree: no revision to write.")


OPTIONS: dict[str, Any] = {
    "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
    "compare_server_default": True,
    "include_name": include_name,
    "include_schemas": True,
    "process_revision_directives": drop_empty,
    "render_item": render_item,
}
