"""The database of the service, and what routes read and write with."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from kit.db import Database, Source

database = Source()

# Single statements, each of them a transaction: database.row(User, user_id), database.insert(...).
ServiceDatabase = Annotated[Database, Depends(database.service_database)]
# Statements that belong together. The function scope ends the session before the response is sent,
# where FastAPI's default ends it after that.
WriteSession = Annotated[AsyncSession, Depends(database.write_session, scope="function")]
ReadSession = Annotated[AsyncSession, Depends(database.read_session, scope="function")]
