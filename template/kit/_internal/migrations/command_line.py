"""The Alembic command of this process."""

from alembic import context


def command_name() -> str | None:
    """Return the command, or None if Alembic was not started from the command line."""
    arguments = context.config.cmd_opts
    if arguments is None:
        return None
    name: str = arguments.cmd[0].__name__
    return name
