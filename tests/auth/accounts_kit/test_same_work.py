"""Signing in does the same work for all e-mail addresses: as many hashes, the same statements."""

from collections.abc import Iterator

import pytest
from httpx import AsyncClient
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from app.models import User
from tests.auth.flows_support import ADA, PASSWORD, add_user, try_to_sign_in
from kit.application import Service
from kit.testing import Rows


class Work:
    """What was done since clear() was called."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.hashes = 0

    def clear(self) -> None:
        self.statements = []
        self.hashes = 0


@pytest.fixture
def work(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    work = Work()
    verify = Argon2Hasher.verify

    def count_hash(self: Argon2Hasher, password: bytes, stored: str) -> bool:
        work.hashes += 1
        return verify(self, password, stored)

    def keep_statement(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        # Their numbers differ; in a running service, they are transactions.
        if "SAVEPOINT" not in statement:
            work.statements.append(statement)

    monkeypatch.setattr(Argon2Hasher, "verify", count_hash)
    event.listen(engine.sync_engine, "before_cursor_execute", keep_statement)
    yield work
    event.remove(engine.sync_engine, "before_cursor_execute", keep_statement)


async def test_unknown_address_takes_the_same_work(
    visitor: AsyncClient, app: Service, rows: Rows, work: Work
) -> None:
    await add_user(app)
    await add_user(app, "before@example.com", password=None)
    await rows(User(email="gone@example.com", name="Gone", is_active=False))
    done = []
    for email in (ADA, "before@example.com", "gone@example.com", "new@example.com"):
        work.clear()
        response = await try_to_sign_in(visitor, email, "a password that is wrong")
        assert response.status_code == 401
        done.append((work.hashes, work.statements))
    assert done[0][0] == 1
    assert len(done[0][1]) > 1
    assert done == [done[0]] * 4


async def test_inactive_user_takes_the_same_work_with_the_right_password(
    visitor: AsyncClient, app: Service, rows: Rows, work: Work
) -> None:
    """Otherwise the password of a user who has left could be confirmed."""
    user_id = await add_user(app)
    await add_user(app, "other@example.com")
    await visitor.get("/auth/me")
    user = await app.state.database.update(User, user_id, is_active=False)
    assert user is not None
    done = []
    for email, password in ((ADA, PASSWORD), ("other@example.com", "a password that is wrong")):
        work.clear()
        response = await try_to_sign_in(visitor, email, password)
        assert response.status_code == 401
        assert "wrong-password" in response.text
        done.append((work.hashes, work.statements))
    assert done[0] == done[1]
