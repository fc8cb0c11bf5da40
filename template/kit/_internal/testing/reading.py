"""Databases of a test, all sessions of which share a connection, and are rolled back with it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import ORMExecuteState

from kit._internal.sessions import CHANGE, REFUSAL, RequestSession
from kit.db import Database, Source


class ReadingSession(RequestSession):
    """Refuses to change rows, as the connection does that it has outside of tests."""


@event.listens_for(ReadingSession, "before_flush")
def refuse_flush(*_arguments: object) -> None:
    raise InvalidRequestError(REFUSAL)


@event.listens_for(ReadingSession, "do_orm_execute")
def refuse_change(state: ORMExecuteState) -> None:
    if not state.is_select and CHANGE.search(str(state.statement)):
        raise InvalidRequestError(REFUSAL)


@asynccontextmanager
async def shared_databases(
    engines: Mapping[Source, AsyncEngine],
) -> AsyncIterator[dict[str, Database]]:
    """Yield the databases by name; those of the same URL, as of a replica, share a connection."""
    connections: dict[URL, AsyncConnection] = {}
    databases = {}
    async with AsyncExitStack() as stack:
        for source, engine in engines.items():
            database = Database(engine, source.session_options)
            if engine.url not in connections:
                connection = await stack.enter_async_context(database.engine.connect())
                transaction = await connection.begin()
                stack.push_async_callback(transaction.rollback)
                connections[engine.url] = connection
            share(database, connections[engine.url])
            databases[source.name] = database
        yield databases


def share(database: Database, connection: AsyncConnection) -> None:
    """Have all sessions of a database use the connection, each in a savepoint."""
    for sessions in (database.writing, database.reading, database.streaming):
        sessions.configure(bind=connection, join_transaction_mode="create_savepoint")
    own = database.reading.kw["sync_session_class"]
    reading: Any = ReadingSession
    if own is not RequestSession:
        reading = type("ReadingSession", (ReadingSession, own), {})
    database.reading.configure(sync_session_class=reading)
    same: Any = nullcontext(connection.sync_connection)
    database.connect = lambda: same  # type: ignore[method-assign]
