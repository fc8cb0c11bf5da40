from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import pytest
from sqlalchemy import Column, DateTime, MetaData, Table, Uuid, update

from app.models import User
from kit.db import Database

ADA = {"email": "ada@example.com", "name": "Ada"}


class Late(datetime):
    """The time of a machine whose clock is a day behind."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp((datetime.now(UTC) - timedelta(days=1)).timestamp(), tz)


async def test_new_row_was_changed_when_it_was_created(database: Database) -> None:
    async with database.write_sessions.begin() as session:
        user = User(**ADA)
        session.add(user)
        await session.flush()
        assert user.updated_at == user.created_at


@pytest.mark.parametrize("in_bulk", [False, True])
async def test_clock_that_is_behind_does_not_turn_times_back(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, in_bulk: bool
) -> None:
    async with database.write_sessions.begin() as session:
        user = User(**ADA)
        session.add(user)
        await session.flush()
        monkeypatch.setattr("kit.models.datetime", Late)
        if in_bulk:
            await session.execute(update(User).values(name="All"))
            await session.refresh(user)
        else:
            user.name = "All"
            await session.flush()
            # Known without another query.
            assert "updated_at" in vars(user)
        assert (user.name, user.updated_at) == ("All", user.created_at)


def test_tables_beside_the_changed_one_may_have_times_too() -> None:
    other = Table("others", MetaData(), Column("created_at", DateTime), Column("id", Uuid))
    statement = update(User).values(name="All").where(User.id == other.c.id)
    assert "users.created_at >" in str(statement)
