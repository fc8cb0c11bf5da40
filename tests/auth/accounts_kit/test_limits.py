"""Attempts to sign in are limited in the database, for all workers and replicas."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest
from sqlalchemy import URL, Column, Executable, Integer, MetaData, String, Table, select, update

from kit._internal.auth.accounts import limits as limits_module
from kit._internal.auth.accounts.limits import AttemptLimits, Key, TooManyAttemptsError
from kit._internal.execution import Row
from kit.db import Database
from kit.models import UTCDateTime
from kit.testing import TestedService, only

EMAIL, ADDRESS = "jane@example.com", "192.0.2.1"
TABLE = Table(
    "attempts_of_tests",
    MetaData(),
    Column("key", String(64), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("window_started_at", UTCDateTime, nullable=False),
)


def new_limits(**options: int) -> AttemptLimits:
    """Return the limits as another worker has them: without what the first one remembers."""
    return AttemptLimits(TABLE, **options)


@pytest.fixture
async def attempts(service: TestedService[Any], own_url: URL) -> AsyncIterator[Database]:
    """Yield a database with an empty table, and real commits."""
    settings = service.settings_for(own_url, connection_timeout=60)
    async with service.open_database(settings) as opened:
        async with opened.write_engine.begin() as connection:
            await connection.run_sync(TABLE.metadata.create_all)
        yield opened


async def counts(database: Database, keys: list[Key]) -> list[int]:
    """Return the count of each key; 0 without a row."""
    rows = {row["key"]: row["count"] for row in await database.rows(select(TABLE))}
    return [rows.get(key.digest, 0) for key in keys]


async def try_times(
    limits: AttemptLimits, database: Database, number: int, address: str = ADDRESS
) -> int:
    """Count attempts of the account, one by one; return how many were allowed."""
    allowed = 0
    for _ in range(number):
        try:
            await limits.count(database, limits.keys(EMAIL, address))
        except TooManyAttemptsError:
            continue
        allowed += 1
    return allowed


async def start_windows(database: Database, ago: timedelta) -> None:
    """Let the windows of all keys have begun at another time."""
    started = datetime.now(UTC) - ago
    await database.rows(update(TABLE).values(window_started_at=started))


async def test_account_is_limited_from_an_address(attempts: Database) -> None:
    assert await try_times(new_limits(), attempts, 15) == 10
    assert await try_times(new_limits(), attempts, 15) == 0
    assert await try_times(new_limits(), attempts, 15, "192.0.2.2") == 10


async def test_account_is_limited_from_all_addresses(attempts: Database) -> None:
    allowed = 0
    for number in range(1, 15):
        allowed += await try_times(new_limits(), attempts, 10, f"192.0.2.{number}")
    assert allowed == 100


async def test_address_is_limited_for_all_accounts(attempts: Database) -> None:
    limits = new_limits()
    for number in range(100):
        await limits.count(attempts, limits.keys(f"user{number}@example.com", ADDRESS))
    with pytest.raises(TooManyAttemptsError):
        await limits.count(attempts, limits.keys("another@example.com", ADDRESS))
    await limits.count(attempts, limits.keys("another@example.com", "192.0.2.2"))


async def test_attempts_at_the_same_time_are_counted_exactly(attempts: Database) -> None:
    limits = [new_limits(per_account_and_address=20, per_account=50) for _ in range(5)]
    keys = limits[0].keys(EMAIL, ADDRESS)

    async def attempt(number: int) -> None:
        await limits[number % 5].count(attempts, keys)

    results = await asyncio.gather(*map(attempt, range(50)), return_exceptions=True)
    assert results.count(None) == 20
    assert sum(isinstance(result, TooManyAttemptsError) for result in results) == 30
    wide = [Key(key.digest, 1000, key.forget_all) for key in keys]
    await attempts.rows(TABLE.delete())
    await asyncio.gather(*[new_limits().count(attempts, wide) for _ in range(50)])
    assert await counts(attempts, keys) == [50, 50, 50]


async def test_refused_attempt_does_not_lock_the_account(attempts: Database) -> None:
    for _ in range(5):
        await try_times(new_limits(), attempts, 30)
    pair, account, address = await counts(attempts, new_limits().keys(EMAIL, ADDRESS))
    assert pair > 10
    assert account == address == 10


async def test_window_ends(attempts: Database) -> None:
    assert await try_times(new_limits(), attempts, 12) == 10
    await start_windows(attempts, timedelta(minutes=14, seconds=30))
    assert await try_times(new_limits(), attempts, 1) == 0
    await start_windows(attempts, timedelta(minutes=15, seconds=1))
    assert await try_times(new_limits(), attempts, 12) == 10


async def test_attempts_over_the_limit_do_not_prolong_the_window(attempts: Database) -> None:
    await try_times(new_limits(), attempts, 11)
    await start_windows(attempts, timedelta(minutes=10))
    with pytest.raises(TooManyAttemptsError) as caught:
        await new_limits().count(attempts, new_limits().keys(EMAIL, ADDRESS))
    assert 240 <= int(caught.value.headers["Retry-After"]) <= 300


async def test_error_is_the_same_for_each_key(attempts: Database) -> None:
    details = set()
    for options in ({"per_account_and_address": 1}, {"per_account": 1}, {"per_address": 1}):
        await attempts.rows(TABLE.delete())
        limits = new_limits(**options)
        await limits.count(attempts, limits.keys(EMAIL, ADDRESS))
        with pytest.raises(TooManyAttemptsError) as caught:
            await limits.count(attempts, limits.keys(EMAIL, ADDRESS))
        error = caught.value
        details.add((error.status, error.kind, error.detail, tuple(error.members)))
    assert details == {
        (429, "too-many-attempts", "There were too many attempts; try again later.", ())
    }


@pytest.fixture
def statements(attempts: Database, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list to which each statement is added."""
    statements: list[Any] = []
    write = attempts.executor.write

    async def record(statement: Executable, values: Mapping[str, object]) -> list[Row]:
        statements.append(statement)
        return await write(statement, values)

    monkeypatch.setattr(attempts.executor, "write", record)
    return statements


async def test_flood_costs_no_statements(attempts: Database, statements: list[Any]) -> None:
    limits = new_limits()
    await try_times(limits, attempts, 11)
    statements.clear()
    assert await try_times(limits, attempts, 500) == 0
    assert statements == []
    assert await try_times(limits, attempts, 1, "192.0.2.2") == 1
    # It counts for all keys.
    assert str(only(statements)).startswith("INSERT")


async def test_rows_are_locked_in_the_same_order(attempts: Database, statements: list[Any]) -> None:
    """Otherwise two attempts could wait for each other's rows."""
    keys = new_limits().keys(EMAIL, ADDRESS)
    for order in (keys, keys[::-1]):
        await new_limits().count(attempts, order)
        values = statements[-1].compile().params
        digests = [values[f"key_m{number}"] for number in range(3)]
        assert digests == sorted(digests)


class Later:
    """The clock when a window that begins now has ended."""

    @staticmethod
    def now(zone: tzinfo) -> datetime:
        return datetime.now(zone) + timedelta(minutes=15, seconds=1)


async def test_remembered_keys_are_forgotten_when_their_window_ends(
    attempts: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = new_limits(per_account_and_address=1)
    assert await try_times(limits, attempts, 2) == 1
    assert limits.blocked
    monkeypatch.setattr(limits_module, "datetime", Later)
    assert await try_times(limits, attempts, 1) == 1
    assert limits.blocked == {}


async def test_memory_is_bounded(attempts: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_module, "MAX_BLOCKED", 3)
    limits = new_limits(per_account_and_address=1)
    for number in range(6):
        await try_times(limits, attempts, 2, f"192.0.2.{number}")
    assert len(limits.blocked) == 3
    newest = limits.keys(EMAIL, "192.0.2.5")[0].digest
    assert newest in limits.blocked
    # The database still knows the others.
    assert await try_times(limits, attempts, 1, "192.0.2.0") == 0


async def test_success_forgets_the_failures_of_the_account(attempts: Database) -> None:
    limits = new_limits()
    assert await try_times(limits, attempts, 11) == 10
    await limits.reset(attempts, limits.keys(EMAIL, ADDRESS))
    assert await counts(attempts, limits.keys(EMAIL, ADDRESS)) == [0, 0, 9]
    assert await try_times(limits, attempts, 12) == 10


async def test_own_account_does_not_help_an_attacker(attempts: Database) -> None:
    """Signing in to an account does not forget attempts for others from the same address."""
    limits = new_limits(per_address=10)
    allowed = 0
    for number in range(20):
        try:
            await limits.count(attempts, limits.keys(f"victim{number}@example.com", ADDRESS))
            allowed += 1
            own = limits.keys("attacker@example.com", ADDRESS)
            await limits.count(attempts, own)
            await limits.reset(attempts, own)
        except TooManyAttemptsError:
            continue
    assert allowed == 10


async def test_many_people_sign_in_from_an_office(attempts: Database) -> None:
    limits = new_limits(per_address=3)
    for number in range(20):
        keys = limits.keys(f"user{number}@example.com", ADDRESS)
        await limits.count(attempts, keys)
        await limits.reset(attempts, keys)
    assert (await counts(attempts, limits.keys(EMAIL, ADDRESS)))[2] == 0


async def test_table_has_no_addresses(attempts: Database) -> None:
    await try_times(new_limits(), attempts, 1)
    for row in await attempts.rows(select(TABLE)):
        assert len(row["key"]) == 64
        assert EMAIL not in str(row)
        assert ADDRESS not in str(row)
