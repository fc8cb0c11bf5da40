"""Options of autogenerate: which tables it compares, and how it finishes a revision."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from alembic import context
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData

from kit._internal.migrations.comparison import PLUGIN
from kit._internal.migrations.history import TABLE
from kit._internal.migrations.rendering import render_item
from kit._internal.migrations.revisions import add_check


def include_name(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
    """Exclude schemas without models, and tables that do not belong to the service."""
    ctx = context.get_context()
    models: MetaData = ctx.opts["target_metadata"]
    if kind == "schema":
        schemas = {table.schema for table in models.tables.values()}
        return name is None or name in schemas
    if kind != "table" or name is None:
        return True
    schema = parents["schema_name"]
    qualified = parents["schema_qualified_table_name"]
    if qualified in models.tables:
        return True
    # history.py creates its table itself.
    if name == TABLE or is_excluded(name, schema):
        return False
    return (schema or ctx.dialect.default_schema_name, name) not in foreign_tables(ctx)


def is_excluded(name: str, schema: str | None) -> bool:
    """Return whether `exclude_tables` in alembic.ini names the table."""
    patterns = (context.config.get_main_option("exclude_tables") or "").replace(",", " ").split()
    names = [name]
    if schema is not None:
        names.append(f"{schema}.{name}")
    return any(fnmatchcase(candidate, pattern) for candidate in names for pattern in patterns)


def foreign_tables(ctx: MigrationContext) -> set[tuple[str | None, str]]:
    """Return schemas and names of tables that belong to the database or to an extension."""
    memo: dict[str, Any] = ctx.impl.memo
    if "foreign_tables" not in memo:
        memo["foreign_tables"] = ctx.opts["find_foreign_tables"](ctx.connection)
    tables: set[tuple[str | None, str]] = memo["foreign_tables"]
    return tables


def finish_script(_context: object, _revision: object, directives: list[MigrationScript]) -> None:
    """Write no revision if autogenerate finds no change; check a written revision."""
    if not getattr(context.config.cmd_opts, "autogenerate", False):
        return
    if all(operations.is_empty() for operations in directives[0].upgrade_ops_list):
        directives.clear()
        context.config.print_stdout("The models and the database agree: no revision to write.")
    else:
        add_check(context.script)


OPTIONS: dict[str, Any] = {
    "autogenerate_plugins": [
        "alembic.autogenerate.*",
        "alembic.ext.checkconstraint_byname",
        PLUGIN,
    ],
    "compare_server_default": True,
    "include_name": include_name,
    "include_schemas": True,
    "process_revision_directives": finish_script,
    "render_item": render_item,
}
