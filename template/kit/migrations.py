"""Runs an Alembic command; migrations/env.py calls run()."""

import atexit
import gc
import logging.config
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from alembic import context
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, MetaData, text

from kit._internal import telemetry
from kit._internal.auth.chosen import add_tables
from kit._internal.auth.interface import UnsuitableModelsError
from kit._internal.database import load_migration_dialect
from kit._internal.dialect import MigrationDialect
from kit._internal.migrations.command_line import command_name
from kit._internal.migrations.options import merge_options
from kit._internal.migrations.steps import StepRecorder
from kit._internal.migrations.waiting import Upgrade
from kit._internal.telemetry.interface import Job
from kit.settings import Settings, SettingsT, load

__all__ = ["run"]

# Commands that change nothing, and need not wait for a migrating process.
READ_ONLY_COMMANDS = {"branches", "check", "current", "heads", "history", "revision", "show"}
# Loggers of Alembic's work, not of its setup.
WORK_LOGGERS = ("alembic.autogenerate", "alembic.runtime.migration")


def run(
    target_metadata: MetaData,
    settings_class: type[SettingsT],
    *,
    url: Callable[[SettingsT], URL] | None = None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Run the Alembic command on the database of the settings.

    `options` are those of Alembic's context.configure(). Functions such as include_name or
    render_item are called before the built-in ones, which apply if yours return the default: True
    for include_name and include_object, False for render_item.

    Uses the connection `config.attributes["connection"]` if it is set; otherwise connects to the
    URL that the caller has set with `config.set_main_option("sqlalchemy.url", ...)`, to
    MIGRATION_DATABASE_URL or to DATABASE_URL. A URL in alembic.ini is not used. `--sql` needs no
    connection. For a second database with its own revisions, `url` returns its URL from the
    settings.
    """
    if url is None:
        add_own_tables(target_metadata, settings_class)
    dialect = load_migration_dialect()
    built_in_options = {**dialect.OPTIONS, "target_metadata": target_metadata}
    all_options = merge_options(built_in_options, options)
    connection = context.config.attributes.get("connection")
    if connection is not None:
        run_command(Upgrade(), {**all_options, "connection": connection})
        return
    settings = load_settings(settings_class, url)
    if command_name() is not None:
        prepare_process(settings)
    schema = context.get_x_argument(as_dictionary=True).get("schema")
    if context.is_offline_mode():
        write_sql(dialect, settings, schema, all_options)
    else:
        run_on_database(dialect, settings, schema, all_options)


def add_own_tables(metadata: MetaData, settings_class: type[Settings]) -> None:
    """Add the tables of kit, if it has any; raise CommandError if the models do not fit."""
    try:
        add_tables(metadata, settings_class)
    except UnsuitableModelsError as error:
        raise CommandError(str(error)) from None


def load_settings(
    settings_class: type[SettingsT], url: Callable[[SettingsT], URL] | None
) -> SettingsT:
    """Return the settings, with the URL to connect to as their `migration_url`."""
    callers_url = find_callers_url()
    if callers_url is not None:
        return load(settings_class, DATABASE_URL=callers_url, MIGRATION_DATABASE_URL=callers_url)
    settings = load(settings_class)
    if url is None:
        return settings
    return settings.model_copy(update={"migration_database_url": url(settings)})


def find_callers_url() -> str | None:
    """Return the URL of config.set_main_option(), None if there is only that of alembic.ini."""
    config = context.config
    in_file = Config(config.config_file_name, ini_section=config.config_ini_section)
    url = config.get_main_option("sqlalchemy.url")
    if url == in_file.get_main_option("sqlalchemy.url"):
        return None
    return url


def prepare_process(settings: Settings) -> None:
    """Set up logging and garbage collection of a process that runs only this command."""
    # Objects of a migration live until the process ends: collect rarely and not at exit.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    logging.config.dictConfig(settings.log_config())


def write_sql(
    dialect: MigrationDialect, settings: Settings, schema: str | None, options: dict[str, Any]
) -> None:
    """Write the SQL of the command (`--sql`)."""
    offline_options = {
        "dialect_name": settings.migration_url.get_backend_name(),
        "literal_binds": True,
    }
    statement = None
    if schema:
        statement = dialect.use_schema(schema)
    run_command(Upgrade(), {**options, **offline_options}, statement)


def run_on_database(
    dialect: MigrationDialect, settings: Settings, schema: str | None, options: dict[str, Any]
) -> None:
    """Run the command on the database; unless it only reads, as the only migrating process."""
    command = command_name()
    read_only = context.config.attributes.get("read_only", command in READ_ONLY_COMMANDS)
    if read_only:
        with dialect.open_connection(settings, read_only=True, schema=schema) as connection:
            run_command(Upgrade(), {**options, "connection": connection})
        return
    with ExitStack() as stack:
        job = Job()
        if command is not None:
            job = stack.enter_context(telemetry.run_job(settings, job_name(command)))
        steps = StepRecorder(job)
        connection = stack.enter_context(
            dialect.open_connection(settings, read_only=False, schema=schema)
        )
        options = steps.add_to({**options, "connection": connection})
        upgrade = Upgrade()
        for attempt in dialect.attempts(connection, settings):
            with attempt:
                steps.restart()
                migrate(upgrade, options)


def migrate(upgrade: Upgrade, options: dict[str, Any]) -> None:
    """Run the command; apply what precedes a refused revision, also where it was rolled back."""
    try:
        run_command(upgrade, options)
    except CommandError as error:
        if upgrade.stop_before_refused(error):
            run_command(upgrade, options)
        raise


def job_name(command: str) -> str:
    """Return the name of this command for telemetry, with the section of a further database."""
    section = context.config.config_ini_section
    if section == "alembic":
        return f"alembic {command}"
    return f"alembic -n {section} {command}"


def run_command(
    upgrade: Upgrade, options: dict[str, Any], first_statement: str | None = None
) -> None:
    """Run the command with these options of context.configure(), after the first statement."""
    upgrade.configure(options)
    command = command_name()
    if command is not None:
        for name in WORK_LOGGERS:
            logging.getLogger(name).setLevel(logging.INFO)
    if first_statement is not None:
        context.execute(text(first_statement))
    if command in {"upgrade", "downgrade"} and not context.is_offline_mode():
        apply_revisions(command)
    else:
        with context.begin_transaction():
            context.run_migrations()
    report_waiting(upgrade)


def report_waiting(upgrade: Upgrade) -> None:
    """Print which revisions wait for the rollout, as a comment if the command prints SQL."""
    if context.is_offline_mode():
        for line in upgrade.describe_waiting(None):
            context.static_output(f"-- {line}")
        return
    for line in upgrade.describe_waiting(context.get_bind()):
        context.config.print_stdout("%s", line)


def apply_revisions(command: str) -> None:
    """Upgrade or downgrade; report if there was nothing to do."""
    before = context.get_context().get_current_heads()
    if not before:
        refuse_rollback(command)
    with context.begin_transaction():
        context.run_migrations()
    if set(before) == set(context.get_context().get_current_heads()):
        revisions = " and ".join(sorted(before)) or "base"
        context.config.print_stdout("nothing to do: the database is at %s", revisions)


def refuse_rollback(command: str) -> None:
    """Raise CommandError for a relative rollback: no revision is applied."""
    target = context.get_context().opts["destination_rev"]
    if command == "downgrade" and target != "base":
        raise CommandError("nothing to roll back: no revision is applied")
