"""How Alembic reaches the database: MIGRATION_DATABASE_URL where it is set, else DATABASE_URL."""

import atexit
import gc
import logging.config
from typing import Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import text

if context.config.cmd_opts:
    # A command ends soon: it need not look for garbage, nor what it leaves be taken apart.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)

from app.logging import logging_config
from app.models import Base
from app.settings import load_settings
from migrations import autogenerate, history
from migrations.{{ database }} import OPTIONS, migrate, use_schema

config = context.config
# The tables and the names of constraints: those of the models.
target_metadata = Base.metadata
command = config.cmd_opts.cmd[0].__name__ if config.cmd_opts else None
# Commands that only look: they need not wait for a process that is migrating.
LOOKING = {"branches", "check", "current", "heads", "history", "revision", "show"}


def run(*statements: str, **target: Any) -> None:  # noqa: ANN401
    """Do what the command asks for, after these statements, on a connection or as text."""
    options = autogenerate.OPTIONS | OPTIONS | target
    context.configure(target_metadata=target_metadata, on_version_apply=history.record, **options)
    if config.cmd_opts:
        # From here on Alembic says what it does, having said what it consists of.
        for name in ("alembic.autogenerate", "alembic.runtime.migration"):
            logging.getLogger(name).setLevel(logging.INFO)
    for statement in statements:
        context.execute(text(statement))
    moves = command in {"upgrade", "downgrade"} and not context.is_offline_mode()
    before = context.get_context().get_current_heads() if moves else ()
    if moves and not before:
        refuse_rollback()
    with context.begin_transaction():
        context.run_migrations()
    if moves and set(before) == set(context.get_context().get_current_heads()):
        revisions = " and ".join(sorted(before)) or "base"
        config.print_stdout("nothing to do: the database is at %s", revisions)


def refuse_rollback() -> None:
    """Raise CommandError for a rollback by some steps, as no revision is applied."""
    target = context.get_context().opts["destination_rev"]
    if command == "downgrade" and target != "base":
        raise CommandError("nothing to roll back: no revision is applied")


def main() -> None:
    """Migrate on the connection handed in, as text for `--sql`, or on a connection of its own."""
    if connection := config.attributes.get("connection"):
        run(connection=connection)
        return
    settings = load_settings()
    schema = context.get_x_argument(as_dictionary=True).get("schema")
    if config.cmd_opts:
        # Started by hand, not as part of a program that has its own idea of logging.
        logging.config.dictConfig(logging_config(settings.log_level))
    if context.is_offline_mode():
        first = [use_schema(schema)] if schema else []
        run(*first, dialect_name=settings.database_url.get_backend_name(), literal_binds=True)
        return
    looking = config.attributes.get("looking", command in LOOKING)
    migrate(run, settings, looking=looking, schema=schema)


main()
