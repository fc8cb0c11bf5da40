"""Queries of the checks, on the service's connections."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import URL, Column, Connection, Integer, MetaData, Table, func, select
from sqlalchemy.exc import InvalidRequestError

from kit._internal.testing.service import TestedService
from kit.db import Database, Source


async def run(service: TestedService[Any], url: URL, function: Callable[[Connection], Any]) -> Any:  # noqa: ANN401
    """Call a function with a connection of the service, and commit."""
    settings = service.settings_for(url)
    async with (
        service.open_database(settings) as database,
        database.write_engine.begin() as connection,
    ):
        return await connection.run_sync(function)


async def keeps_after_rollback(database: Database, source: Source) -> bool:
    """Return whether a row that a session wrote still exists after a rollback."""
    table = Table(f"kit_check_{source.name}", MetaData(), Column("id", Integer))
    async with database.write_engine.begin() as connection:
        await connection.run_sync(table.create)
    try:
        async with database.write_sessions() as session:
            await session.execute(table.insert().values(id=1))
            await session.rollback()
    except InvalidRequestError:
        return True
    async with database.read_sessions() as session:
        count = await session.scalar(select(func.count()).select_from(table))
    return bool(count)
