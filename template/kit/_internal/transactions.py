"""Transactions that commit at the end, and what executes statements in an open one."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy import Connection, Delete
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker

from kit._internal.execution import StatementExecutor

if TYPE_CHECKING:
    from kit.db import Database

Sessions = async_sessionmaker[AsyncSession]
DatabaseT = TypeVar("DatabaseT", bound="Database")


@asynccontextmanager
async def committing(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """Yield a session that commits at the end; on any exception it rolls back and closes."""
    transaction = sessions.begin()
    try:
        async with transaction as session:
            yield session
    except BaseException:
        # A failed commit leaves the session open.
        await transaction.async_session.close()
        raise


def bind(database: DatabaseT, connection: AsyncConnection) -> DatabaseT:
    """Make statements and sessions of a database use a connection, each in a savepoint."""
    database.executor = executor_of(connection)
    for name in ("write_sessions", "read_sessions", "stream_sessions"):
        setattr(database, name, sessions_of(getattr(database, name), connection))
    return database


def sessions_of(sessions: Sessions, connection: AsyncConnection) -> Sessions:
    """Return sessions with the same options, each in a savepoint of a connection."""
    options = {**sessions.kw, "bind": connection, "join_transaction_mode": "create_savepoint"}
    return async_sessionmaker(class_=sessions.class_, **options)


def executor_of(connection: AsyncConnection) -> StatementExecutor:
    """Return an executor of statements, each in a savepoint of a connection."""
    return StatementExecutor(partial(savepoint, connection), partial(savepoint, connection))


@contextmanager
def savepoint(connection: AsyncConnection) -> Iterator[Connection]:
    """Yield the connection in a savepoint: a failed statement undoes only itself."""
    sync_connection = cast("Connection", connection.sync_connection)
    with sync_connection.begin_nested():
        yield sync_connection


async def delete_in_batches(database: "Database", statement: Delete, batch: int) -> int:
    """Execute a DELETE of at most `batch` rows, each in a transaction, until it finds fewer.

    Returns how many rows were deleted.
    """
    total = 0
    while True:
        async with database.write_engine.begin() as connection:
            deleted = (await connection.execute(statement)).rowcount
        total += deleted
        if deleted < batch:
            return total
