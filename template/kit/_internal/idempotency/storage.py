"""The table of answers, in the transaction of the route."""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Delete, Table, delete, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper

from kit._internal.database import dialect
from kit._internal.idempotency.answers import Answer, ReplayError
from kit._internal.idempotency.keys import KeyInUseError, KeyReusedError, lock_number_of
from kit.models import IdempotencyKeys, utc_now

# Expired answers that a request deletes: more than it adds, so that they do not accumulate.
FEW = 10


def mapped_table(model: type[IdempotencyKeys]) -> Table:
    """Return the table of a model with the mixin."""
    mapper: Mapper[Any] = inspect(model)
    return cast("Table", mapper.local_table)


def delete_expired(table: Table, now: datetime, limit: int) -> Delete:
    """Return a statement that deletes some answers that have expired.

    It skips rows that another transaction is deleting. SQLite has a single writer.
    """
    columns = table.columns
    expired = select(columns["id"]).where(columns["expires_at"] <= now)
    batch = expired.limit(limit).with_for_update(skip_locked=True)
    return delete(table).where(columns["id"].in_(batch))


class AnswerStore:
    """The answer to one request, in an open transaction.

    PostgreSQL holds a lock of the key until the transaction ends: a request with the same key is
    refused, not blocked. On SQLite, it waits for the transaction. If the process is killed, the
    database undoes the transaction, with the lock, and the request can be repeated.
    """

    def __init__(self, session: AsyncSession, table: Table, key_id: str, fingerprint: str) -> None:
        self.session = session
        self.table = table
        self.key_id = key_id
        self.fingerprint = fingerprint

    async def claim(self) -> None:
        """Raise ReplayError if the request has been answered.

        Raises KeyInUseError if it is being answered, KeyReusedError if it was another request.
        """
        # Not in the statement that reads: PostgreSQL would read as of before it had the lock.
        if not await self.session.scalar(dialect.try_lock(lock_number_of(self.key_id))):
            raise KeyInUseError
        columns = self.table.columns
        statement = select(self.table).where(
            columns["id"] == self.key_id, columns["expires_at"] > utc_now()
        )
        stored = (await self.session.execute(statement)).one_or_none()
        if stored is None:
            return
        if stored.fingerprint != self.fingerprint:
            raise KeyReusedError
        raise ReplayError(Answer(stored.status, stored.headers, stored.body))

    async def keep(self, answer: Answer, hours: int) -> None:
        """Store the answer, and delete a few that have expired."""
        now = utc_now()
        values = {
            "fingerprint": self.fingerprint,
            "status": answer.status,
            "headers": answer.headers,
            "body": answer.body,
            "expires_at": now + timedelta(hours=hours),
        }
        statement = dialect.insert_into(self.table).values(id=self.key_id, **values)
        # Replaces the answer of an expired key.
        upsert = statement.on_conflict_do_update(index_elements=["id"], set_=values)
        await self.session.execute(upsert)
        await self.session.execute(delete_expired(self.table, now, FEW))
