"""Databases of a test: their sessions share a connection that is rolled back afterwards."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import ORMExecuteState

from kit._internal.sessions import CHANGING_STATEMENT, REFUSAL, RequestSession
from kit._internal.transactions import executor_of
from kit.db import Database, Source


class ReadingSession(RequestSession):
    """Refuses to change rows, like `read_engine` outside of tests."""


@event.listens_for(ReadingSession, "before_flush")
def refuse_flush(*_arguments: object) -> None:
    raise InvalidRequestError(REFUSAL)


@event.listens_for(ReadingSession, "do_orm_execute")
def refuse_change(state: ORMExecuteState) -> None:
    if not state.is_select and CHANGING_STATEMENT.search(str(state.statement)):
        raise InvalidRequestError(REFUSAL)


@asynccontextmanager
async def shared_databases(
    engines: Mapping[Source, AsyncEngine],
) -> AsyncIterator[dict[str, Database]]:
    """Yield the databases by name; two with the same URL share a connection, like replicas."""
    connections: dict[URL, AsyncConnection] = {}
    databases = {}
    async with AsyncExitStack() as stack:
        for source, engine in engines.items():
            database = Database(engine, source.session_options)
            if engine.url not in connections:
                connection = await stack.enter_async_context(database.write_engine.connect())
                transaction = await connection.begin()
                stack.push_async_callback(transaction.rollback)
                connections[engine.url] = connection
            share(database, connections[engine.url])
            databases[source.name] = database
        yield databases


def share(database: Database, connection: AsyncConnection) -> None:
    """Make all sessions of a database use the connection, each in a savepoint."""
    for sessions in (database.write_sessions, database.read_sessions, database.stream_sessions):
        sessions.configure(bind=connection, join_transaction_mode="create_savepoint")
    session_class: Any = ReadingSession
    configured_class = database.read_sessions.kw["sync_session_class"]
    if configured_class is not RequestSession:
        session_class = type("ReadingSession", (ReadingSession, configured_class), {})
    database.read_sessions.configure(sync_session_class=session_class)
    database.executor = executor_of(connection)
