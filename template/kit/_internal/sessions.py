"""What keeps sessions within their request, and writing within transactions."""

import re
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExecutionContext
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session, SessionTransaction

# Statements that change rows, also within WITH and EXPLAIN, or tables.
CHANGE = re.compile(
    r"\b(?:INSERT|REPLACE|MERGE)\b[\w\s]*\bINTO\b|\bUPDATE\b[^;]*?\bSET\b|\bDELETE\s+FROM\b"
    r"|^\s*(?:TRUNCATE|CREATE|ALTER|DROP|CALL|DO)\b",
    re.IGNORECASE,
)

REFUSAL = (
    "This connection is for reading and has no transaction;"
    " write with WriteSession, Database.writing or Database.engine."
)


class RequestSession(Session):
    """A session that is over once it is closed, and then has no connection.

    SQLAlchemy's own starts over when something uses it after close(), as a streamed response does,
    with a connection that nothing gives back. A task that uses it while it is closed keeps one.
    """

    def __init__(self, *binds: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*binds, close_resets_only=False, **options)
        self.is_over = False
        self.connections: list[Connection] = []

    def close(self) -> None:
        self.is_over = True
        try:
            super().close()
        finally:
            # Open where another task is executing a statement, which ends with this.
            for connection in self.connections:
                if not connection.closed:
                    connection.invalidate()
                    connection.close()


@event.listens_for(RequestSession, "after_begin")
def keep_connection(
    session: RequestSession, _transaction: SessionTransaction, connection: Connection
) -> None:
    """Remember what the session has taken from the pool; give it back when that took too long."""
    if connection is session.bind:
        return
    if session.is_over:
        connection.close()
        raise InvalidRequestError("This session was closed while it was getting a connection.")
    if session.connections:
        session.connections = [taken for taken in session.connections if not taken.closed]
    session.connections.append(connection)


def refuse_changes(engine: Engine) -> None:
    """Have an engine refuse to change rows, unless it or an engine made of it is for writing.

    In AUTOCOMMIT each statement stands for itself: of a change that fails half way, half stays.
    These events are those of the dialect, which cost a tenth of those of connections.
    """
    for name in ("do_execute", "do_executemany", "do_execute_no_params"):
        event.listen(engine, name, refuse_change)


def refuse_change(_cursor: object, statement: str, *rest: Any) -> None:  # noqa: ANN401
    """Raise InvalidRequestError for a change on a connection that is not for writing."""
    if statement.startswith("SELECT"):
        return
    context: ExecutionContext = rest[-1]
    if not context.execution_options.get("writing") and CHANGE.search(statement):
        raise InvalidRequestError(REFUSAL)
