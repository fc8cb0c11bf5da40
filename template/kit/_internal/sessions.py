"""Sessions that end with their request, and engines that refuse to change rows."""

import re
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExecutionContext
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session, SessionTransaction

# Statements that change rows, also in WITH and EXPLAIN, or tables.
CHANGING_STATEMENT = re.compile(
    r"\b(?:INSERT|REPLACE|MERGE)\b[\w\s]*\bINTO\b|\bUPDATE\b[^;]*?\bSET\b|\bDELETE\s+FROM\b"
    r"|^\s*(?:TRUNCATE|CREATE|ALTER|DROP|CALL|DO)\b",
    re.IGNORECASE,
)

REFUSAL = (
    "This connection is for reading and has no transaction;"
    " write with WriteSession, Database.write_sessions or Database.write_engine."
)


class RequestSession(Session):
    """A session that cannot be used after close(), so that it does not leak a connection.

    A SQLAlchemy session opens another connection if it is used after close(), as by a streamed
    response, and nothing returns that to the pool. The same applies to a task that executes a
    statement while the session is closed.
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
            # Still open if another task is executing a statement, which this cancels.
            for connection in self.connections:
                if not connection.closed:
                    connection.invalidate()
                    connection.close()


@event.listens_for(RequestSession, "after_begin")
def keep_connection(
    session: RequestSession, _transaction: SessionTransaction, connection: Connection
) -> None:
    """Remember the connection; return it if the session was closed in the meantime."""
    if connection is session.bind:
        return
    if session.is_over:
        connection.close()
        raise InvalidRequestError("This session was closed while it was getting a connection.")
    if session.connections:
        session.connections = [taken for taken in session.connections if not taken.closed]
    session.connections.append(connection)


def refuse_changes(engine: Engine) -> None:
    """Make an engine refuse to change rows without the execution option `may_write`.

    In AUTOCOMMIT each statement is a transaction: if one of several changes failed, the others
    would stay. Dialect events cost a tenth of connection events.
    """
    for name in ("do_execute", "do_executemany", "do_execute_no_params"):
        event.listen(engine, name, refuse_change)


def refuse_change(_cursor: object, statement: str, *rest: Any) -> None:  # noqa: ANN401
    """Raise InvalidRequestError for a change on a read-only connection."""
    if statement.startswith("SELECT"):
        return
    context: ExecutionContext = rest[-1]
    if not context.execution_options.get("may_write") and CHANGING_STATEMENT.search(statement):
        raise InvalidRequestError(REFUSAL)
