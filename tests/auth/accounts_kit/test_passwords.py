"""Passwords are hashed with Argon2id, in few threads, and verified without telling who exists."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from kit._internal.auth.accounts.passwords import BusyError, PasswordHasher, Verification
from kit.application import Service
from kit.auth import public
from kit.testing import assert_problem, client_of

PASSWORD = "correct horse battery"
OTHER = Verification(matches=False)


def cheap_hasher(**options: int) -> PasswordHasher:
    """Return a hasher with the lowest cost."""
    return PasswordHasher(**{"time_cost": 1, "memory_kib": 8, **options})


@pytest.fixture
async def hasher() -> AsyncIterator[PasswordHasher]:
    hasher = cheap_hasher()
    async with hasher.serve():
        yield hasher


class Work:
    """What argon2 is asked to do: recorded, and delayed while `gate` is closed."""

    def __init__(self) -> None:
        self.verified: list[tuple[bytes, str]] = []
        self.running = 0
        self.most_running = 0
        self.gate = threading.Event()
        self.gate.set()
        self.lock = threading.Lock()

    def record(self, password: bytes, stored: str) -> None:
        with self.lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            self.verified.append((password, stored))
        self.gate.wait(timeout=60)
        with self.lock:
            self.running -= 1


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """Record what argon2 verifies, which it does nevertheless."""
    work = Work()
    verify = Argon2Hasher.verify

    def recorded(self: Argon2Hasher, password: bytes, stored: str) -> bool:
        work.record(password, stored)
        return verify(self, password, stored)

    monkeypatch.setattr(Argon2Hasher, "verify", recorded)
    yield work
    work.gate.set()


def parameters(stored: str) -> str:
    """Return the part of a hash that says how much work it is."""
    return stored.rpartition("$")[0].rpartition("$")[0]


async def test_password_matches_its_hash_only(hasher: PasswordHasher) -> None:
    stored = await hasher.hash(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert PASSWORD not in stored
    assert await hasher.verify(PASSWORD, stored) == Verification(matches=True)
    assert await hasher.verify(PASSWORD.upper(), stored) == OTHER


async def test_each_hash_has_its_own_salt(hasher: PasswordHasher) -> None:
    assert await hasher.hash(PASSWORD) != await hasher.hash(PASSWORD)


async def test_default_is_the_minimum_of_owasp() -> None:
    hasher = PasswordHasher()
    async with hasher.serve():
        assert hasher.dummy.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_same_characters_are_the_same_password(hasher: PasswordHasher) -> None:
    stored = await hasher.hash("Gr\u00fc\u00dfe aus M\u00fcnchen")
    assert (await hasher.verify("Gru\u0308\u00dfe aus Mu\u0308nchen", stored)).matches
    assert not (await hasher.verify("Grusse aus Munchen", stored)).matches


async def test_compatible_characters_are_other_passwords(hasher: PasswordHasher) -> None:
    # NFKC would make them equal: NFC is what NIST SP 800-63B-4 asks for.
    stored = await hasher.hash("\ufb01ve little ducks")
    assert not (await hasher.verify("five little ducks", stored)).matches


@pytest.mark.parametrize("end", ["a", "\0", " ", "\U0001f600"])
async def test_password_is_not_cut_off(hasher: PasswordHasher, end: str) -> None:
    stored = await hasher.hash("x" * 255)
    assert await hasher.verify("x" * 255 + end, stored) == OTHER


async def test_half_of_a_surrogate_pair_is_no_error(hasher: PasswordHasher) -> None:
    stored = await hasher.hash(PASSWORD)
    assert await hasher.verify("\ud83d", stored) == OTHER
    assert await hasher.verify("\ud83d", None) == OTHER


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain",
        "$2b$12$LQv3c1yqBWVHxkd0LHAkCOYz6TtxMQJqhN8/LewdBPj4J/HS.iK8i",
        "$argon2id$v=19$m=8,t=1,p=1",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$short",
        "$argon2id$v=19$m=0,t=0,p=0$c2FsdHNhbHQ$aGFzaA",
        "$argon2id$v=19$m=8,t=1,p=1$\u00fc$\u00fc",
    ],
)
async def test_broken_hash_matches_nothing(hasher: PasswordHasher, stored: str) -> None:
    for password in ("", PASSWORD, stored):
        assert await hasher.verify(password, stored) == OTHER


async def test_account_without_a_hash_takes_the_same_work(
    hasher: PasswordHasher, work: Work
) -> None:
    stored = await hasher.hash(PASSWORD)
    for none in (stored, None, "unknown format"):
        assert await hasher.verify("wrong password", none) == OTHER
    assert len(work.verified) == 3
    assert {password for password, _ in work.verified} == {b"wrong password"}
    assert {parameters(hashed) for _, hashed in work.verified} == {parameters(stored)}
    assert work.verified[1][1] != stored


async def test_hash_is_replaced_when_parameters_rise(hasher: PasswordHasher) -> None:
    stored = await hasher.hash(PASSWORD)
    stronger = cheap_hasher(time_cost=2, memory_kib=16)
    async with stronger.serve():
        assert await stronger.verify("wrong password", stored) == OTHER
        verification = await stronger.verify(PASSWORD, stored)
        assert verification.matches
        new_hash = str(verification.new_hash)
        assert new_hash.startswith("$argon2id$v=19$m=16,t=2,p=1$")
        assert await stronger.verify(PASSWORD, new_hash) == Verification(matches=True)


async def wait_until(condition: Callable[[], bool]) -> None:
    """Let tasks and threads run until a condition holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_flood_is_refused_and_work_is_limited(work: Work) -> None:
    hasher = cheap_hasher(threads=2, queue_length=3)
    async with hasher.serve():
        work.gate.clear()
        tasks = [asyncio.create_task(hasher.verify(PASSWORD, None)) for _ in range(50)]
        await wait_until(lambda: sum(task.done() for task in tasks) == 45)
        await wait_until(lambda: work.running == 2)
        with pytest.raises(BusyError):
            hasher.refuse_if_busy()
        work.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        hasher.refuse_if_busy()
    assert sum(isinstance(result, BusyError) for result in results) == 45
    assert results.count(OTHER) == 5
    assert work.most_running == 2


async def test_cancelled_requests_free_their_slots(work: Work) -> None:
    hasher = cheap_hasher(threads=1, queue_length=2)
    async with hasher.serve():
        work.gate.clear()
        tasks = [asyncio.create_task(hasher.verify(PASSWORD, None)) for _ in range(3)]
        await wait_until(lambda: work.running == 1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        # The thread still works for the first request: two slots are free, not three.
        again = [asyncio.create_task(hasher.verify(PASSWORD, None)) for _ in range(3)]
        await wait_until(lambda: sum(task.done() for task in again) == 1)
        work.gate.set()
        results = await asyncio.gather(*again, return_exceptions=True)
        assert sum(isinstance(result, BusyError) for result in results) == 1
        assert results.count(OTHER) == 2
        await wait_until(lambda: work.running == 0)
        for _ in range(10):
            assert await asyncio.gather(*[hasher.verify(PASSWORD, None) for _ in range(3)])


async def test_failed_work_frees_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = cheap_hasher(threads=1, queue_length=0)
    async with hasher.serve():
        with monkeypatch.context() as patch:
            patch.setattr(hasher, "hasher", None)
            for _ in range(3):
                with pytest.raises(AttributeError):
                    await hasher.hash(PASSWORD)
        assert await hasher.hash(PASSWORD)


async def test_event_loop_continues_while_passwords_are_hashed() -> None:
    """The global lock is free: the loop runs often while a thread computes a single hash."""
    # On a busy machine the loop may not get the processor while the thread has it: for a while.
    for time_cost in (20, 40, 80, 160):
        turns = 0
        hasher = PasswordHasher(time_cost=time_cost, threads=1)
        async with hasher.serve():
            task = asyncio.create_task(hasher.verify(PASSWORD, None))
            while not task.done():
                turns += 1
                await asyncio.sleep(0.001)
        if turns > 20:
            return
    pytest.fail("it has waited for each of the hashes")


async def test_shutdown_does_not_wait_for_the_queue(work: Work) -> None:
    hasher = cheap_hasher(threads=1, queue_length=10)
    async with hasher.serve():
        work.gate.clear()
        tasks = [asyncio.create_task(hasher.verify(PASSWORD, None)) for _ in range(5)]
        await wait_until(lambda: work.running == 1)
    assert work.running == 1, "it has waited for the thread"
    work.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 4
    with pytest.raises(RuntimeError, match="serve"):
        await hasher.hash(PASSWORD)
    async with hasher.serve():
        assert await hasher.verify(PASSWORD, None) == OTHER


async def test_client_hears_when_to_try_again(app: Service) -> None:
    @app.post("/flooded", dependencies=[public])
    async def sign_in() -> None:
        raise BusyError

    response = await client_of(app).post("/flooded")
    assert_problem(response, 503, "sign-in-busy")
    assert response.headers["Retry-After"] == "2"
