"""The session for reading where all sessions of a test share a connection, which may write."""

from sqlalchemy import event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import ORMExecuteState

from app.sessions import CHANGE, REFUSAL, RequestSession


class ReadingSession(RequestSession):
    """Refuses to change rows, as the connection does that it has outside of tests."""


@event.listens_for(ReadingSession, "before_flush")
def refuse_flush(*_arguments: object) -> None:
    raise InvalidRequestError(REFUSAL)


@event.listens_for(ReadingSession, "do_orm_execute")
def refuse_change(state: ORMExecuteState) -> None:
    if not state.is_select and CHANGE.search(str(state.statement)):
        raise InvalidRequestError(REFUSAL)
