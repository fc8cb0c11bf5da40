"""Whether the database answers, and has the schema that this code was written for."""

import asyncio
import logging
from functools import cache

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.settings import PROJECT_DIR, Settings

logger = logging.getLogger(__name__)


class NotReadyError(Exception):
    """Says in one line, fit for a client, why the service cannot serve."""


@cache
def revisions() -> ScriptDirectory:
    return ScriptDirectory(str(PROJECT_DIR / "migrations"))


def current_heads(connection: Connection) -> tuple[str, ...]:
    return MigrationContext.configure(connection).get_current_heads()


async def check_ready(database: Database, settings: Settings) -> None:
    """Raise NotReadyError unless the database is reachable and at this code's head revision."""
    try:
        async with asyncio.timeout(settings.ready_timeout), database.reading() as session:
            connection = await session.connection()
            current = await connection.run_sync(current_heads)
    except TimeoutError as error:
        reason = f"The database does not answer within {settings.ready_timeout:g} seconds."
        raise NotReadyError(reason) from error
    except SQLAlchemyError as error:
        logger.warning("the database cannot be reached: %s", error)
        raise NotReadyError("The database cannot be reached.") from error
    heads = revisions().get_heads()
    if set(current) == set(heads):
        database.has_been_ready = True
        return
    # A revision that this code does not know is a newer release's, or another service's. A
    # process that was ready stays so: it is being replaced. A new one has to be allowed.
    newer = bool(current) and not any(map(is_known, current))
    if newer and (database.has_been_ready or settings.allow_newer_database):
        return
    found = f"at revision {', '.join(current)}" if current else "without a revision"
    raise NotReadyError(f"The database is {found}, this code needs {', '.join(heads)}.")


def is_known(revision: str) -> bool:
    try:
        return revisions().get_revision(revision) is not None
    except CommandError:
        return False
