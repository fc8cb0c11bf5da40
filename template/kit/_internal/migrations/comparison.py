"""How autogenerate compares what Alembic itself compares wrongly: defaults, and names of CHECKs.

It is a plugin of Alembic's, as autogenerate_plugins names them.
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
CONTINUE, STOP = PriorityDispatchResult.CONTINUE, PriorityDispatchResult.STOP


def name_checks_as_stored(autogen: AutogenContext, _operations: object) -> PriorityDispatchResult:
    """Give each CHECK the name that the database knows, which may be shorter.

    SQLAlchemy shortens a name that is too long when it writes SQL; Alembic compares the long one
    with what the database has (its issue 1864).
    """
    refuse_long_names(autogen)
    shorten = autogen.dialect.identifier_preparer.truncate_and_render_constraint_name
    for table in autogen.sorted_tables:
        for constraint in table.constraints:
            if isinstance(constraint, CheckConstraint) and isinstance(constraint.name, conv):
                name = shorten(constraint.name)
                if len(name) < len(constraint.name):
                    constraint.name = conv(name)
    return CONTINUE


def refuse_long_names(autogen: AutogenContext) -> None:
    """Raise CommandError for a name that SQLAlchemy does not shorten, and would not use."""
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

    Alembic's own comparison does not quote a text, and takes a colon in it for a parameter.
    """
    old, new, ctx = stored.server_default, column.server_default, autogen.migration_context
    if not isinstance(old, DefaultClause) or not isinstance(new, DefaultClause):
        return CONTINUE
    compiler: Any = ctx.dialect.ddl_compiler(ctx.dialect, None)  # type: ignore[arg-type]
    wanted = compiler.get_column_default_string(column)
    if ctx.dialect.paramstyle in {"format", "pyformat"}:
        # Doubled for the driver, to which one percent sign is a parameter.
        wanted = wanted.replace("%%", "%")
    known = str(old.arg.text if hasattr(old.arg, "text") else old.arg)
    if "nextval(" in known:
        return CONTINUE
    is_same = ctx.opts["is_same_default"]
    if wanted != known and not is_same(ctx.connection, wanted, known, column):
        change.modify_server_default = new
    return STOP


def register() -> None:
    """Register the plugin, once in a process."""
    try:
        plugin = Plugin(PLUGIN)
    except ValueError:
        return
    first = DispatchPriority.FIRST
    plugin.add_autogenerate_comparator(name_checks_as_stored, "autogenerate", priority=first)
    plugin.add_autogenerate_comparator(compare_default, "column", "server_default")


register()
