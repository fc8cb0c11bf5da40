"""What the guards of kit.revisions know about the Alembic command, and the commands they name."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Table,
    exists,
    literal_column,
    select,
    update,
)

# The option of context.configure() with the state of the command.
OPTION = "guarded_upgrade"
# The key of config.attributes for throwaway databases, such as those of the tests: True, or a
# FillIn, which sets what a revision does not know.
THROWAWAY = "throwaway"
# Stands for a value that only the developer knows.
UNKNOWN = "..."
PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
# Sets a column of the rows that match the condition to made-up values.
FillIn = Callable[[Connection, "Backfill"], None]


class GuardError(CommandError):
    """A revision may not run yet."""


@dataclass(frozen=True)
class Backfill:
    """The arguments of `make db-backfill`."""

    table: str
    set: str
    where: str
    key: str = "id"

    @property
    def column(self) -> str:
        """The column that it sets."""
        return self.set.partition("=")[0].strip(' "')

    @property
    def value(self) -> str:
        """The SQL of the value."""
        return self.set.partition("=")[2].strip()

    def command(self) -> str:
        """Return the command, to copy into a shell."""
        arguments = {"table": self.table, "set": self.set, "where": self.where}
        if self.key != "id":
            arguments["key"] = self.key
        words = [f"{name}={quote(value)}" for name, value in arguments.items()]
        return f"make db-backfill {' '.join(words)}"

    def target(self) -> Table:
        schema, _, name = self.table.rpartition(".")
        return Table(name, MetaData(), Column(self.key), Column(self.column), schema=schema or None)

    def condition(self) -> Any:  # noqa: ANN401
        return literal_column(f"({self.where})", Boolean)

    def is_done(self, connection: Connection) -> bool:
        """Return whether no row matches the condition."""
        rows = exists().where(self.condition()).select_from(self.target())
        return not connection.scalar(select(rows))

    def execute(self, connection: Connection) -> None:
        """Change all rows in one statement, which is for small tables only."""
        value: ColumnElement[Any] = literal_column(self.value)
        statement = update(self.target()).where(self.condition())
        connection.execute(statement.values({self.column: value}))


@dataclass(frozen=True)
class Removal:
    """A column, or a table, that no release may use any more."""

    table: str
    column: str | None = None

    def __str__(self) -> str:
        if self.column is None:
            return self.table
        return f"{self.table}.{self.column}"

    def is_named(self, names: str) -> bool:
        """Return whether it is among names that commas or spaces separate.

        A name may have commas and spaces in it, too.
        """
        return re.search(rf"(?:^|[\s,]){re.escape(str(self))}(?:[\s,]|$)", names) is not None


@dataclass
class GuardedUpgrade:
    """The state of a command that runs guards.

    `started_empty` says whether no revision was applied when it began, None before it has: then no
    release uses the database. `calls` are the arguments of the guards that have run.
    """

    started_empty: bool | None = None
    calls: list[Backfill | Removal] = field(default_factory=list)


def state_of(ctx: MigrationContext) -> GuardedUpgrade:
    """Return the state of the command, or a new one if env.py does not call kit.migrations."""
    state: GuardedUpgrade = ctx.opts.setdefault(OPTION, GuardedUpgrade())
    return state


def throwaway(ctx: MigrationContext) -> bool | FillIn:
    """Return False unless the database is a throwaway one; otherwise True or a function."""
    if ctx.config is None:
        return False
    value: bool | FillIn = ctx.config.attributes.get(THROWAWAY, False)
    return value


def is_allowed(ctx: MigrationContext, removal: Removal) -> bool:
    """Return whether `-x allow=users.nickname,teams` names a column or table."""
    environment = ctx.environment_context
    if environment is None:
        return False
    for argument in environment.get_x_argument():
        option, _, value = argument.partition("=")
        if option == "allow" and removal.is_named(value):
            return True
    return False


def check_backfill(ctx: MigrationContext, backfill: Backfill) -> None:
    """Raise GuardError while rows match; on a throwaway database, change them instead."""
    connection = ctx.connection
    if connection is None or backfill.is_done(connection):
        return
    fill_in = throwaway(ctx)
    if fill_in and backfill.value != UNKNOWN:
        backfill.execute(connection)
    elif callable(fill_in):
        fill_in(connection, backfill)
    if not fill_in or not backfill.is_done(connection):
        raise GuardError(explain(backfill))


def is_excused(ctx: MigrationContext, removal: Removal) -> bool:
    """Return whether the base branch need not be asked: no release runs, or it is allowed."""
    if throwaway(ctx) or state_of(ctx).started_empty or ctx.script is None:
        return True
    return is_allowed(ctx, removal)


def explain(backfill: Backfill) -> str:
    """Return why a revision does not run, and the command to run first."""
    reason = f"{backfill.table} has rows where {backfill.where}; change them, then migrate again"
    if backfill.value == UNKNOWN:
        reason = f"{reason}, with a value instead of ..."
    return f"{reason}: {backfill.command()}"


def quote(value: str) -> str:
    """Return a value as a word of a shell, in double quotes if that is enough."""
    if set(value) <= PLAIN:
        return value
    if set(value).isdisjoint('"$`\\!'):
        return f'"{value}"'
    return shlex.quote(value)
