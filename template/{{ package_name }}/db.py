"""The database of the service, and the dependencies with which routes use it."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from kit.db import Database, Source

database = Source()

# For single statements, each of which is a transaction: `await database.row(User, user_id)`.
ServiceDatabase = Annotated[Database, Depends(database.service_database)]
# For statements that belong together. The function scope ends the session before the response is
# sent; FastAPI's default scope ends it afterwards.
WriteSession = Annotated[AsyncSession, Depends(database.write_session, scope="function")]
ReadSession = Annotated[AsyncSession, Depends(database.read_session, scope="function")]
