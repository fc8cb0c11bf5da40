"""Whether the database answers, and has the schema that this code was written for."""

import asyncio
import logging
from functools import cache

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, exc

from app.database_errors import Obstacle, describe
from app.db import Database, explain_denial, find_obstacle
from app.settings import PROJECT_DIR, Settings

logger = logging.getLogger(__name__)


class NotReadyError(Exception):
    """Says in one line, fit for a client, why the service cannot serve.

    The command is for the log, and for developers.
    """

    def __init__(self, reason: str, command: str | None = None) -> None:
        super().__init__(reason)
        self.advice = f"{reason} Run: {command}" if command else reason


@cache
def code_revisions() -> tuple[set[str], set[str]]:
    """Return the revisions that the code needs, and all that it knows."""
    script = ScriptDirectory(str(PROJECT_DIR / "migrations"))
    return set(script.get_heads()), {item.revision for item in script.walk_revisions()}


async def ask_revision(database: Database) -> tuple[str, ...]:
    """Return the revisions that the database is at: none, one, or several where they forked.

    Raises NotReadyError when it cannot tell, as the role may not see the tables.
    """

    def current_heads(connection: Connection) -> tuple[str, ...]:
        heads = MigrationContext.configure(connection).get_current_heads()
        obstacle = None if heads else find_obstacle(connection)
        if obstacle:
            raise not_usable(obstacle)
        return heads

    async with database.reading() as session:
        return await (await session.connection()).run_sync(current_heads)


def not_usable(obstacle: Obstacle) -> NotReadyError:
    """Log what to do, which is nothing for a client to know; return the error for the client."""
    logger.warning("the database cannot be used: %s", obstacle)
    return NotReadyError(f"The database cannot be used: {obstacle.reason}.")


async def check_ready(database: Database, settings: Settings) -> None:
    """Raise NotReadyError unless the database is reachable and at this code's head revision."""
    question = asyncio.create_task(ask_revision(database))
    await asyncio.wait({question}, timeout=settings.ready_timeout)
    if not question.done():
        # Not awaited: a driver may not be able to stop what its thread waits for.
        question.cancel()
        raise NotReadyError(f"The database did not answer in {settings.ready_timeout:g} seconds.")
    try:
        current = question.result()
    except exc.SQLAlchemyError as error:
        if isinstance(error, exc.DBAPIError):
            denial = explain_denial(error, settings.database_url.username)
            if denial:
                raise not_usable(denial) from error
        logger.warning("the database cannot be reached: %s", describe(error))
        raise NotReadyError("The database cannot be reached.") from error
    heads, known = code_revisions()
    if set(current) == heads:
        database.has_been_ready = True
        return
    # A revision that this code does not know is a newer release's, or another service's. A
    # process that was ready stays so: it is being replaced. A new one has to be allowed.
    newer = current and known.isdisjoint(current)
    if newer and (database.has_been_ready or settings.allow_newer_database):
        return
    found = f"at revision {', '.join(current)}" if current else "without a revision"
    raise NotReadyError(
        f"The database is {found}, this code needs {', '.join(sorted(heads))}.",
        None if newer else "make db-migrate",
    )
