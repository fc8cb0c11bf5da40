"""An autogenerate plugin for what Alembic compares incorrectly: defaults and names of CHECKs.

The option `autogenerate_plugins` enables it.
"""

from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp
from alembic.runtime.plugins import Plugin
from alembic.util import CommandError, DispatchPriority, PriorityDispatchResult
from sqlalchemy import CheckConstraint, Column
from sqlalchemy.schema import DefaultClause
from sqlalchemy.sql.naming import conv

PLUGIN = "kit.comparison"


def name_checks_as_stored(autogen: AutogenContext, _operations: object) -> PriorityDispatchResult:
    """Give each CHECK its name in the database, which may be shorter.

    SQLAlchemy shortens long names when it writes SQL; Alembic compares the long name with that in
    the database (its issue 1864).
    """
    refuse_long_names(autogen)
    shorten = autogen.dialect.identifier_preparer.truncate_and_render_constraint_name
    for table in autogen.sorted_tables:
        for constraint in table.constraints:
            if isinstance(constraint, CheckConstraint) and isinstance(constraint.name, conv):
                name = shorten(constraint.name)
                if len(name) < len(constraint.name):
                    constraint.name = conv(name)
    return PriorityDispatchResult.CONTINUE


def refuse_long_names(autogen: AutogenContext) -> None:
    """Raise CommandError for a name that is too long and that SQLAlchemy does not shorten."""
    longest = autogen.dialect.max_identifier_length
    for table in autogen.sorted_tables:
        for item in (table, *table.columns, *table.indexes, *table.constraints):
            name = item.name
            if isinstance(name, str) and not isinstance(name, conv) and len(name) > longest:
                raise CommandError(
                    f"{name} in {table.fullname} has {len(name)} characters, the database takes"
                    f" {longest}: give it a shorter name"
                )


def compare_default(
    autogen: AutogenContext,
    change: AlterColumnOp,
    _schema: object,
    _table: object,
    _name: object,
    stored: Column[Any],
    column: Column[Any],
) -> PriorityDispatchResult:
    """Compare the server default of a column with the stored one.

    Alembic's own comparison does not quote text, and parses a colon in it as a parameter.
    """
    old, new = stored.server_default, column.server_default
    if not isinstance(old, DefaultClause) or not isinstance(new, DefaultClause):
        return PriorityDispatchResult.CONTINUE
    ctx = autogen.migration_context
    compiler: Any = ctx.dialect.ddl_compiler(ctx.dialect, None)  # type: ignore[arg-type]
    new_sql = compiler.get_column_default_string(column)
    if ctx.dialect.paramstyle in {"format", "pyformat"}:
        # Percent signs are doubled, as a single one is a parameter to the driver.
        new_sql = new_sql.replace("%%", "%")
    old_sql = str(getattr(old.arg, "text", old.arg))
    if "nextval(" in old_sql:
        return PriorityDispatchResult.CONTINUE
    is_same = ctx.opts["is_same_default"]
    if new_sql != old_sql and not is_same(ctx.connection, new_sql, old_sql, column):
        change.modify_server_default = new
    return PriorityDispatchResult.STOP


def register_plugin() -> None:
    """Register the plugin once per process."""
    try:
        plugin = Plugin(PLUGIN)
    except ValueError:
        return
    first = DispatchPriority.FIRST
    plugin.add_autogenerate_comparator(name_checks_as_stored, "autogenerate", priority=first)
    plugin.add_autogenerate_comparator(compare_default, "column", "server_default")


register_plugin()
