"""What migrations/env.py calls: everything of Alembic but the tables and what is special here."""

import atexit
import gc
import logging.config
from collections.abc import Callable, Mapping
from typing import Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import URL, MetaData, text

from kit._internal.database import load_migration_dialect
from kit._internal.migrations.options import merge_options
from kit.settings import Settings, SettingsT, load

__all__ = ["run"]

# Commands that only look: they need not wait for a process that is migrating.
LOOKING = {"branches", "check", "current", "heads", "history", "revision", "show"}


def run(
    target_metadata: MetaData,
    settings_class: type[SettingsT],
    *,
    url: Callable[[SettingsT], URL] | None = None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Do what the Alembic command asks for, on the database of the settings.

    `options` are those of Alembic's context.configure(). Functions such as include_name or
    render_item are called before the built-in ones, which still apply where yours return what
    means "as usual": True for include_name and include_object, False for render_item. Migrates on
    the connection handed in as `config.attributes["connection"]`, as text for `--sql`, or on a
    connection of its own: MIGRATION_DATABASE_URL where it is set, else DATABASE_URL. For a second
    database with revisions of its own, `url` returns its URL from the settings.
    """
    dialect = load_migration_dialect()
    config = context.config
    usual = {**dialect.OPTIONS, "target_metadata": target_metadata}

    def run_command(*statements: str, **target: Any) -> None:  # noqa: ANN401
        configure_and_run(statements, merge_options(usual, options) | target)

    if connection := config.attributes.get("connection"):
        run_command(connection=connection)
        return
    settings = load(settings_class)
    if url is not None:
        settings = settings.model_copy(update={"migration_database_url": url(settings)})
    schema = context.get_x_argument(as_dictionary=True).get("schema")
    if config.cmd_opts:
        prepare_process(settings)
    if context.is_offline_mode():
        first = [dialect.use_schema(schema)] if schema else []
        backend = settings.migration_url.get_backend_name()
        run_command(*first, dialect_name=backend, literal_binds=True)
        return
    looking = config.attributes.get("looking", command_name() in LOOKING)
    dialect.migrate(run_command, settings, looking=looking, schema=schema)


def command_name() -> str | None:
    """Return the command, or None where Alembic was not started from the command line."""
    options = context.config.cmd_opts
    return options.cmd[0].__name__ if options else None


def prepare_process(settings: Settings) -> None:
    """Set up logging and garbage collection: this process was started by hand, and ends soon."""
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    logging.config.dictConfig(settings.log_config())


def configure_and_run(statements: tuple[str, ...], options: Mapping[str, Any]) -> None:
    """Do what the command asks for, after these statements, on a connection or as text."""
    config, command = context.config, command_name()
    context.configure(**options)
    if config.cmd_opts:
        # From here on Alembic says what it does, having said what it consists of.
        for name in ("alembic.autogenerate", "alembic.runtime.migration"):
            logging.getLogger(name).setLevel(logging.INFO)
    for statement in statements:
        context.execute(text(statement))
    moves = command in {"upgrade", "downgrade"} and not context.is_offline_mode()
    before = context.get_context().get_current_heads() if moves else ()
    if moves and not before:
        refuse_rollback(command)
    with context.begin_transaction():
        context.run_migrations()
    if moves and set(before) == set(context.get_context().get_current_heads()):
        revisions = " and ".join(sorted(before)) or "base"
        config.print_stdout("nothing to do: the database is at %s", revisions)


def refuse_rollback(command: str | None) -> None:
    """Raise CommandError for a rollback by some steps, as no revision is applied."""
    target = context.get_context().opts["destination_rev"]
    if command == "downgrade" and target != "base":
        raise CommandError("nothing to roll back: no revision is applied")
