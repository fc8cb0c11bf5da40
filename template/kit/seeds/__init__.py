"""Seeds: the rows that a development database begins with, which `make db-seed` inserts.

    async def seed(session: AsyncSession) -> None:
        [grace] = await ensure(
            session, User, by="email", rows=[{"email": "grace@example.com", "name": "Grace"}]
        )
        rows = [{"title": "Lighthouse", "author_id": grace.id}]
        await ensure(session, Book, by=("author_id", "title"), rows=rows)

Rows that exist stay as they are, as with find_or_create_by of Rails: seeds never undo what you have
changed since, and inserting them twice changes nothing.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import event, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from kit._internal.owners import SESSION_KEY, Owner, owned_models
from kit.db import Database

if TYPE_CHECKING:
    from kit.application import Service

__all__ = ["ensure", "run"]

# The function of a project's seeds.py.
Seed = Callable[[AsyncSession], Awaitable[None]]
RowT = TypeVar("RowT")
# The key of Session.info with the service whose rows are inserted.
SERVICE_KEY = "kit.service"
# Such a session uses the rows of all owners. It has no owner of its own to give to a row.
EVERYONE = Owner("", is_everyone=True)


async def ensure(
    session: AsyncSession,
    model: type[RowT],
    *,
    by: str | Sequence[str],
    rows: Iterable[Mapping[str, Any]],
) -> list[RowT]:
    """Insert the rows that are missing; return all of them, in this order.

    `rows` are attributes of the model with their values. A row exists if one in the database has
    the same values of the attributes `by`; that one stays as it is, whatever its other values are.
    Raises ValueError if a row lacks one of them, or lacks an owner.
    """
    names = [by] if isinstance(by, str) else list(by)
    ensured = []
    for values in rows:
        refuse_incomplete(model, names, values)
        # As the model stores them: its @validates methods may change a value.
        row = model(**values)
        key = {name: getattr(row, name) for name in names}
        statement = select(model).filter_by(**key).limit(1)
        existing = await session.scalar(statement)
        if existing is None:
            session.add(row)
            # The next row may have the same key.
            await session.flush()
            existing = row
        ensured.append(existing)
    return ensured


def refuse_incomplete(model: type, names: Iterable[str], values: Mapping[str, Any]) -> None:
    """Raise ValueError if a row lacks an attribute that identifies it, or an owner."""
    for name in names:
        if name not in values:
            raise ValueError(f"a row of {model.__name__} has no {name}, by which it is identified")
    if model in owned_models and not values.get("owner"):
        raise ValueError(f"a row of {model.__name__} needs an owner, such as str(user.id)")


async def run(service: "Service", database: Database, seed: Seed) -> dict[str, int]:
    """Call seed() in one transaction; return how many rows it has added to each table.

    Rows that statements insert, not the session, are not counted.
    """
    added: Counter[str] = Counter()

    def count(session: Session, _context: object) -> None:
        added.update(inspect(row).mapper.local_table.name for row in session.new)

    info = {SERVICE_KEY: service, SESSION_KEY: EVERYONE}
    async with database.write_sessions(info=info) as session, session.begin():
        event.listen(session.sync_session, "after_flush", count)
        await seed(session)
    return dict(added)
