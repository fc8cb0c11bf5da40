"""Checks that a database answers and is at the revisions of this code.

A check raises NotReadyError, which /health/ready answers with 503. A query raises DeniedError if
the role lacks a privilege.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import cache, lru_cache

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, exc, text

from kit._internal.database import dialect
from kit._internal.error_texts import Obstacle
from kit._internal.health.errors import NotReadyError
from kit._internal.migrations.waiting import CodeRevisions
from kit.db import Database, Source
from kit.project import PROJECT_DIR
from kit.settings import Settings

logger = logging.getLogger(__name__)

# The current revisions of a database: none, one, or several if they diverged.
Heads = tuple[str, ...]


class DeniedError(Exception):
    """The role lacks a privilege."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(str(obstacle))
        self.obstacle = obstacle


class ReadinessCheck:
    """Checks one database of the service; remembers whether it has been ready."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self.source = source
        self.settings = settings
        self.has_been_ready = False
        # The revisions of the last check, for telemetry: of the database, and of the code.
        self.applied: Heads | None = None
        self.expected: Heads = ()
        self.name = "database"
        if source.name != "database":
            self.name = f"database {source.name}"

    async def run(self, database: Database) -> None:
        """Raise NotReadyError unless the database answers and is at the revisions of this code."""
        heads = await self.read_heads(database)
        if self.source.migrations is not None:
            self.compare_revisions(heads, self.source.migrations)

    async def read_heads(self, database: Database) -> Heads:
        """Return the current revisions of the database; raise NotReadyError if it fails."""
        task = self.start_query(database)
        timeout = self.settings.ready_timeout
        await asyncio.wait({task}, timeout=timeout)
        if not task.done():
            # Not awaited: a driver may be unable to cancel what its thread waits for.
            task.cancel()
            raise NotReadyError(f"The {self.name} did not answer in {timeout:g} seconds.")
        try:
            return task.result()
        except DeniedError as error:
            # The remedy is only logged: clients must not see it.
            logger.warning("the %s cannot be used: %s", self.name, error.obstacle)
            reason = f"The {self.name} cannot be used: {error.obstacle.reason}."
            raise NotReadyError(reason) from error
        except exc.SQLAlchemyError as error:
            description = dialect.ERRORS.describe(error)
            logger.warning("the %s cannot be reached: %s", self.name, description)
            raise NotReadyError(f"The {self.name} cannot be reached.") from error

    def start_query(self, database: Database) -> asyncio.Task[Heads]:
        """Return a task that returns the current revisions of the database."""
        query = current_heads
        if self.source.migrations is None:
            query = no_heads
        return asyncio.create_task(run_query(database, query))

    def expected_heads(self, current: Heads) -> set[str] | None:
        """Return the revisions that this code needs; None if it has none for the database.

        They are the current ones of a database that has all that this code needs: it may also have
        the revisions that wait for the rollout.
        """
        if self.source.migrations is None:
            return None
        return expected_revisions(self.source.migrations, current)

    def compare_revisions(self, current: Heads, section: str) -> None:
        """Raise NotReadyError unless the database has what a section of alembic.ini needs."""
        expected = expected_revisions(section, current)
        self.applied, self.expected = current, tuple(sorted(expected))
        if set(current) == expected:
            self.has_been_ready = True
            return
        # Unknown revisions are those of a newer release. A process that was ready stays ready, as
        # it is being replaced; for a new process, a setting must allow it.
        is_newer = bool(current) and code_revisions(section).known.isdisjoint(current)
        if is_newer and (self.has_been_ready or self.settings.allow_newer_database):
            return
        position = "without a revision"
        if current:
            position = f"at revision {', '.join(current)}"
        reason = f"The {self.name} is {position}, this code needs {', '.join(self.expected)}."
        if is_newer:
            raise NotReadyError(reason)
        raise NotReadyError(reason, migrate_command(section))


def migrate_command(section: str) -> str:
    """Return the command that applies the revisions in this section of alembic.ini."""
    if section == "alembic":
        return "make db-migrate"
    return f"alembic -n {section} upgrade head"


@cache
def code_revisions(section: str) -> CodeRevisions:
    """Return the revisions of the code in a section of alembic.ini."""
    config = Config(PROJECT_DIR / "alembic.ini", ini_section=section)
    return CodeRevisions(ScriptDirectory.from_config(config))


@lru_cache(maxsize=8)
def expected_revisions(section: str, current: Heads) -> set[str]:
    """Return the current revisions if this code needs no others, otherwise those it needs."""
    code = code_revisions(section)
    if code.suffices(current):
        return set(current)
    return code.needed


async def run_query(database: Database, query: Callable[[Connection], Heads]) -> Heads:
    """Return the result of a query; raise DeniedError if the role lacks a privilege."""
    try:
        async with database.read_sessions() as session:
            connection = await session.connection()
            heads: Heads = await connection.run_sync(query)
            return heads
    except exc.DBAPIError as error:
        denial = dialect.explain_denial(error, database.read_engine.url.username)
        if denial:
            raise DeniedError(denial) from error
        raise


def current_heads(connection: Connection) -> Heads:
    """Return the revisions of the database; raise DeniedError if its tables are not visible."""
    heads = MigrationContext.configure(connection).get_current_heads()
    if heads:
        return heads
    obstacle = dialect.find_obstacle(connection)
    if obstacle:
        raise DeniedError(obstacle)
    return ()


def no_heads(connection: Connection) -> Heads:
    """Check that the database answers; return no revisions, as the code has none for it."""
    connection.execute(text("SELECT 1"))
    return ()
