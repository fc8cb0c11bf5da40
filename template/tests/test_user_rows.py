"""What the table of users keeps true, whatever writes to it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Uuid, bindparam, select, text, update
from sqlalchemy.exc import IntegrityError

from app.db import Database
from app.models import User

ADA = {"email": "ada@example.com", "name": "Ada"}
INSERT = text("INSERT INTO users (id, email, name) VALUES (:id, :email, 'Raw')").bindparams(
    bindparam("id", type_=Uuid())
)


async def test_insert_in_sql_gets_times_and_defaults(database: Database) -> None:
    async with database.writing.begin() as session:
        await session.execute(INSERT, {"id": uuid4(), "email": "raw@example.com"})
        user = (await session.scalars(select(User))).one()
    assert user.is_active
    for time in (user.created_at, user.updated_at):
        assert time.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


async def test_update_of_many_rows_moves_updated_at(database: Database) -> None:
    async with database.writing.begin() as session:
        user = User(**ADA)
        session.add(user)
        await session.flush()
        created, updated = user.created_at, user.updated_at
        await session.execute(update(User).values(name="All"))
        await session.refresh(user)
    assert user.created_at == created
    assert user.updated_at > updated


async def test_database_itself_refuses_an_email_in_upper_case(database: Database) -> None:
    async with database.writing() as session:
        with pytest.raises(IntegrityError, match="ck_users_email_lower_case"):
            await session.execute(INSERT, {"id": uuid4(), "email": "ADA@example.com"})
