"""Conditions of a list: each filter that a client sends limits the rows."""

from datetime import UTC, datetime, timedelta

import pytest

from app.models import User
from kit.db import Database, select_columns
from kit.filters import Filters
from kit.testing import Rows

TIME = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def _users(rows: Rows) -> None:
    for number, name in enumerate(["Ada_100%", "Bob 100", "Eve"]):
        time = TIME + timedelta(days=number)
        await rows(User(email=f"{name[:3]}@b.org", name=name, created_at=time))


async def names(database: Database, filters: Filters) -> list[str]:
    statement = select_columns(User).where(*filters).order_by(User.id)
    return [row["name"] for row in await database.rows(statement)]


async def test_none_is_no_condition(database: Database) -> None:
    filters = Filters()
    filters.equals(User.name, None)
    filters.contains(User.name, None)
    filters.has(User.name, None)
    filters.at_least(User.name, None)
    filters.at_most(User.name, None)
    filters.after(User.created_at, None)
    filters.before(User.created_at, None)
    assert len(filters) == 0
    assert await names(database, filters) == ["Ada_100%", "Bob 100", "Eve"]


async def test_all_conditions_apply(database: Database) -> None:
    filters = Filters()
    filters.contains(User.name, "100")
    filters.after(User.created_at, TIME)
    assert await names(database, filters) == ["Bob 100"]


@pytest.mark.parametrize("part", ["ADA", "_", "%"])
async def test_part_is_found_in_any_case(database: Database, part: str) -> None:
    filters = Filters()
    filters.contains(User.name, part)
    assert await names(database, filters) == ["Ada_100%"]


async def test_limits_are_included(database: Database) -> None:
    filters = Filters()
    filters.at_least(User.name, "Bob 100")
    filters.at_most(User.name, "Bob 100")
    assert await names(database, filters) == ["Bob 100"]


async def test_times_are_excluded(database: Database) -> None:
    filters = Filters()
    filters.after(User.created_at, TIME)
    filters.before(User.created_at, TIME + timedelta(days=2))
    assert await names(database, filters) == ["Bob 100"]


async def test_own_condition_is_appended(database: Database) -> None:
    filters = Filters()
    filters.equals(User.is_active, True)
    filters.append(User.name == "Eve")
    assert await names(database, filters) == ["Eve"]
