"""Requests that clients may repeat: with the same Idempotency-Key they get the same answer.

    class IdempotencyKey(IdempotencyKeys, Base):
        __tablename__ = "idempotency_keys"

    Once = Annotated[Idempotency, idempotent(IdempotencyKey)]

    @router.post("", status_code=201, responses=problem_responses(400, 409))
    async def create_order(
        body: OrderCreate, database: ServiceDatabase, once: Once
    ) -> OrderRead:
        async with once(database) as attempt:
            order = await attempt.insert(Order, **body.model_dump())
            return once.answer(OrderRead.model_validate(order))

`IdempotencyKeys` is in kit.models. The header is optional. With it, the block is a transaction, in
which the answer is stored, too: both are committed, or neither is, also if the process is killed.
Write with `attempt` only: on SQLite, other writes would wait for the block. A client that repeats
the request gets one of these:

    the same answer, with Idempotent-Replayed: true
    400 idempotency-key-invalid
    409 idempotency-key-in-use    the first request is not answered yet; SQLite waits for it
    422 idempotency-key-reused    its body or its query string was another one

After an error nothing is stored: the client may repeat the request with the same key. Each client
has keys of its own, for each method and path; clients that are not authenticated share them.
Bodies of answers are in the table for `idempotency_hours`, then they are deleted by later requests.

After "The Idempotency-Key HTTP Header Field", draft-ietf-httpapi-idempotency-key-header-07.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Protocol, Self, TypeVar

from fastapi import Depends, Header, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from kit._internal.idempotency.answers import answer_of
from kit._internal.idempotency.keys import (
    HEADER,
    MAX_LENGTH,
    fingerprint_of,
    id_of,
    parse_key,
)
from kit._internal.idempotency.storage import AnswerStore, delete_expired, mapped_table
from kit._internal.problems import raises
from kit._internal.routing import find_route
from kit._internal.transactions import committing, delete_in_batches
from kit.db import Database
from kit.models import IdempotencyKeys, utc_now

__all__ = ["Idempotency", "delete_expired_keys", "idempotent"]

# Rows that delete_expired_keys() deletes in a transaction: requests wait for none of them for long.
BATCH = 1000
# Without constraints, as InvalidKeyError is 400: the schema has them.
KEY_HEADER = Header(
    alias=HEADER,
    description="Repeat a request with the same key to get the same answer.",
    json_schema_extra={"minLength": 1, "maxLength": MAX_LENGTH},
    examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
)

ContentT = TypeVar("ContentT")


class Rows(Protocol):
    """What reads and writes rows: Database, or an object with a database, such as OwnedRows."""

    def within(self, connection: AsyncConnection) -> Self:
        """Return the same in the transaction of a connection."""


RowsT = TypeVar("RowsT", bound=Rows)


class Idempotency:
    """A request that its client may repeat: idempotent() returns the dependency."""

    def __init__(
        self,
        model: type[IdempotencyKeys],
        request: Request,
        response: Response,
        key: str | None,
    ) -> None:
        self.model = model
        self.request = request
        self.response = response
        # None if the client sends no key.
        self.key = key
        self.is_answered = False
        self.content: object = None

    @asynccontextmanager
    async def __call__(self, rows: RowsT) -> AsyncIterator[RowsT]:
        """Open a block for the work of the route, which has to end with answer().

        With a key, it yields the rows in a transaction: what they write is committed with the
        answer at the end, and undone on an error. Without a key, it yields the rows themselves. A
        session of the transaction: `async with attempt.write_sessions.begin() as session`.

        Instead of entering the block, a repeated request raises an error with its answer.
        """
        if self.key is None:
            yield rows
            return
        key_id, fingerprint = id_of(self.request, self.key), await fingerprint_of(self.request)
        async with committing(database_of(rows).write_sessions) as session:
            store = AnswerStore(session, mapped_table(self.model), key_id, fingerprint)
            await store.claim()
            yield rows.within(await session.connection())
            if not self.is_answered:
                raise RuntimeError("a block of Idempotency has to end with return once.answer(...)")
            answer = answer_of(self.content, self.status, self.response)
            await store.keep(answer, hours_of(self.request))

    def answer(self, content: ContentT) -> ContentT:
        """Return what the route returns, and keep it for repeated requests, as JSON.

        They also get the status, and the headers that the route has set on FastAPI's response when
        the block ends, except cookies.
        """
        self.content = content
        self.is_answered = True
        return content

    @property
    def status(self) -> int:
        """The status that FastAPI answers with: of the response, or else of the route."""
        route = find_route(self.request.scope)
        status: int = self.response.status_code or getattr(route, "status_code", None) or 200
        return status


def idempotent(model: type[IdempotencyKeys]) -> Any:  # noqa: ANN401
    """Return a dependency, with type Idempotency, that stores answers in the table of a model.

    The dependency does not say who may call the route. It raises BadRequestError (400) for an
    invalid header.
    """

    @raises(400, 409, 422)
    async def idempotency_of(
        request: Request,
        response: Response,
        # For the OpenAPI document: of several headers, FastAPI would take one.
        _key: Annotated[str | None, KEY_HEADER] = None,
    ) -> Idempotency:
        key = parse_key(request.headers.getlist(HEADER))
        return Idempotency(model, request, response, key)

    return Depends(idempotency_of)


async def delete_expired_keys(database: Database, model: type[IdempotencyKeys]) -> int:
    """Delete all answers that have expired; return how many.

    Requests with a key delete some each. This is for a service that gets no more of them.
    """
    statement = delete_expired(mapped_table(model), utc_now(), BATCH)
    return await delete_in_batches(database, statement, BATCH)


def database_of(rows: Any) -> Database:  # noqa: ANN401
    """Return the database of an object that reads and writes rows."""
    while not isinstance(rows, Database):
        rows = rows.database
    return rows


def hours_of(request: Request) -> int:
    """Return how long answers are kept; a mounted application has the settings of its service."""
    service = request.scope.get("service", request.app)
    hours: int = service.state.settings.idempotency_hours
    return hours
