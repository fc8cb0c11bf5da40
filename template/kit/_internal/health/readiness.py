"""Whether the databases answer, and have the schema that this code was written for."""

import asyncio
import logging
from collections.abc import Callable
from functools import cache

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, exc, text

from kit._internal.database import dialect
from kit._internal.error_texts import Obstacle
from kit.db import Database, Source
from kit.project import PROJECT_DIR
from kit.settings import Settings

logger = logging.getLogger(__name__)


class NotReadyError(Exception):
    """Says in one line, fit for a client, why the service cannot serve.

    The command is for the log, and for developers.
    """

    def __init__(self, reason: str, command: str | None = None) -> None:
        super().__init__(reason)
        self.advice = f"{reason} Run: {command}" if command else reason


@cache
def code_revisions(section: str) -> tuple[set[str], set[str]]:
    """Return the revisions that the code needs, and all that it knows."""
    script = ScriptDirectory.from_config(Config(PROJECT_DIR / "alembic.ini", ini_section=section))
    return set(script.get_heads()), {item.revision for item in script.walk_revisions()}


Heads = tuple[str, ...]


def current_heads(connection: Connection) -> Heads:
    """Return the revisions that the database is at: none, one, or several where they forked.

    Raises DeniedError when it cannot tell, as the role may not see the tables.
    """
    heads = MigrationContext.configure(connection).get_current_heads()
    obstacle = None if heads else dialect.find_obstacle(connection)
    if obstacle:
        raise DeniedError(obstacle)
    return heads


def no_heads(connection: Connection) -> Heads:
    """Return nothing, once the database has answered: its revisions are not this code's."""
    connection.execute(text("SELECT 1"))
    return ()


class DeniedError(Exception):
    """The role lacks a privilege."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(str(obstacle))
        self.obstacle = obstacle


async def ask(database: Database, question: Callable[[Connection], Heads]) -> Heads:
    """Return the answer of the database; raise DeniedError where the role lacks a privilege."""
    try:
        async with database.reading() as session:
            connection = await session.connection()
            heads: Heads = await connection.run_sync(question)
            return heads
    except exc.DBAPIError as error:
        denial = dialect.explain_denial(error, database.engine.url.username)
        if denial:
            raise DeniedError(denial) from error
        raise


async def ask_in_time(source: Source, database: Database, settings: Settings) -> Heads:
    """Return the revisions that the database is at; raise NotReadyError where it cannot tell."""
    name = name_of(source)
    task = asyncio.create_task(ask(database, current_heads if source.migrations else no_heads))
    await asyncio.wait({task}, timeout=settings.ready_timeout)
    if not task.done():
        # Not awaited: a driver may not be able to stop what its thread waits for.
        task.cancel()
        raise NotReadyError(f"The {name} did not answer in {settings.ready_timeout:g} seconds.")
    try:
        return task.result()
    except DeniedError as error:
        # What to do is nothing for a client to know.
        logger.warning("the %s cannot be used: %s", name, error.obstacle)
        raise NotReadyError(f"The {name} cannot be used: {error.obstacle.reason}.") from error
    except exc.SQLAlchemyError as error:
        logger.warning("the %s cannot be reached: %s", name, dialect.ERRORS.describe(error))
        raise NotReadyError(f"The {name} cannot be reached.") from error


def name_of(source: Source) -> str:
    return "database" if source.name == "database" else f"database {source.name}"


async def check_ready(source: Source, database: Database, settings: Settings) -> None:
    """Raise NotReadyError unless the database is reachable and at this code's head revision."""
    current = await ask_in_time(source, database, settings)
    if source.migrations is None:
        return
    heads, known = code_revisions(source.migrations)
    if set(current) == heads:
        database.has_been_ready = True
        return
    # A revision that this code does not know is a newer release's, or another service's. A
    # process that was ready stays so: it is being replaced. A new one has to be allowed.
    newer = current and known.isdisjoint(current)
    if newer and (database.has_been_ready or settings.allow_newer_database):
        return
    found = f"at revision {', '.join(current)}" if current else "without a revision"
    command = "make db-migrate"
    if source.migrations != "alembic":
        command = f"alembic -n {source.migrations} upgrade head"
    raise NotReadyError(
        f"The {name_of(source)} is {found}, this code needs {', '.join(sorted(heads))}.",
        None if newer else command,
    )
