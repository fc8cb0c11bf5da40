"""Options of autogenerate: which tables it compares, and how it finishes a revision."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from alembic import context
from alembic.operations.ops import CreateTableOp, DropTableOp, MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import MetaData

from kit._internal.migrations.chains import plan_chains
from kit._internal.migrations.command_line import command_name
from kit._internal.migrations.comparison import PLUGIN
from kit._internal.migrations.dropped_tables import dropped_tables, name_of, sort_drops
from kit._internal.migrations.history import TABLE
from kit._internal.migrations.kit_tables import answer_of
from kit._internal.migrations.rendering import render_conditions_once, render_item
from kit._internal.migrations.revisions import add_check


def include_name(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
    """Exclude schemas without models, and tables that do not belong to the service.

    Also the foreign keys that the database itself adds, for the partitions of a table.
    """
    ctx = context.get_context()
    models: MetaData = ctx.opts["target_metadata"]
    if kind == "schema":
        schemas = {table.schema for table in models.tables.values()}
        return name is None or name in schemas
    if kind == "foreign_key_constraint":
        schema = parents["schema_name"] or ctx.dialect.default_schema_name
        return (schema, parents["table_name"], name) not in derived_keys(ctx)
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


def derived_keys(ctx: MigrationContext) -> set[tuple[str | None, str | None, str | None]]:
    """Return schemas, tables and names of foreign keys that belong to another foreign key."""
    memo: dict[str, Any] = ctx.impl.memo
    if "derived_keys" not in memo:
        find = ctx.opts.get("find_derived_keys", lambda _: set())
        memo["derived_keys"] = find(ctx.connection)
    keys: set[tuple[str | None, str | None, str | None]] = memo["derived_keys"]
    return keys


def finish_script(
    ctx: MigrationContext, _revision: object, directives: list[MigrationScript]
) -> None:
    """Write no revision if autogenerate finds no change, else one or several, which are checked.

    A function of the project is called before, and may have removed or added scripts.
    """
    if not directives:
        return
    script = directives[0]
    if command_name() == "check":
        explain_tables(script)
    if not getattr(context.config.cmd_opts, "autogenerate", False):
        return
    if all(map(is_empty, directives)):
        directives.clear()
        context.config.print_stdout("The models and the database agree: no revision to write.")
        return
    dropped = sort_drops(script)
    rename = ctx.opts.get("rename_in_place")
    if rename is not None:
        rename(script, ctx)
    render_conditions_once(ctx)
    plan_chains(directives, ctx)
    dropped = [name for name in dropped if is_dropped(name, directives)]
    if dropped:
        context.config.print_stdout(
            "This revision drops tables with their rows: %s. Review it.", ", ".join(dropped)
        )
    add_check(context.script)


def is_empty(script: MigrationScript) -> bool:
    return all(operations.is_empty() for operations in script.upgrade_ops_list)


def is_dropped(name: str, scripts: list[MigrationScript]) -> bool:
    """Return whether a revision drops a table: it may be renamed instead."""
    for script in scripts:
        for step in script.upgrade_ops_list:
            for operation in step.ops:
                if isinstance(operation, DropTableOp) and name_of(operation) == name:
                    return True
    return False


def explain_tables(script: MigrationScript) -> None:
    """Raise CommandError with what to do, if tables of kit are missing or tables are not used."""
    missing = list_missing(script)
    if missing:
        answer = answer_of(missing[0]) or ""
        message = answer.rpartition("=")[2]
        raise CommandError(
            f"the database does not have the tables of {answer}: {', '.join(missing)}; write and"
            f' apply their revision: make db-revision m="add {message}" && make db-migrate'
        )
    dropped = dropped_tables(script)
    if dropped:
        raise CommandError(
            f"no model has these tables of the database: {', '.join(dropped)};"
            ' make db-revision m="..." writes a revision that drops them with their rows. To keep'
            " them, at least for this release, add them to exclude_tables in alembic.ini"
        )


def list_missing(script: MigrationScript) -> list[str]:
    """Return the names of the tables of kit that the database does not have."""
    created: list[str] = []
    for step in script.upgrade_ops_list:
        created += [name_of(item) for item in step.ops if isinstance(item, CreateTableOp)]
    return [name for name in created if answer_of(name) is not None]


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
