"""The database of the service, and what routes read and write with."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from kit.db import Database, Source

database = Source()

# The function scope ends them before the response is sent; FastAPI's default ends them after it.
WriteSession = Annotated[AsyncSession, Depends(database.write_session, scope="function")]
ReadSession = Annotated[AsyncSession, Depends(database.read_session, scope="function")]
# Rows without a session: database.row(User, user_id), database.rows(statement).
ReadDatabase = Annotated[Database, Depends(database.read_database)]
# For a route that opens sessions of its own, to stream rows or to work after its response.
ServiceDatabase = ReadDatabase
