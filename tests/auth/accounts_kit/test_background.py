"""Work after answers: bounded, and finished or given up when the process ends."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.background import BackgroundTasks

from kit._internal.auth.accounts import background
from kit._internal.auth.accounts.background import BackgroundWorker, QueueFullError
from kit.testing import Log

Work = Callable[[], Awaitable[None]]
# The longest that a test waits for what takes milliseconds.
SOON = 30.0


async def turns() -> None:
    """Let all tasks run as far as they can, however long that takes."""
    for _ in range(100):
        await asyncio.sleep(0)


async def end_request(worker: BackgroundWorker, work: Work) -> None:
    """Schedule the work of a request, and send its answer."""
    tasks = BackgroundTasks()
    worker.schedule(tasks, work)
    await tasks()


class Counted:
    """Work that waits for a gate, and counts how often it runs at once."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.running = self.most = self.done = 0

    async def __call__(self) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.wait()
        self.running -= 1
        self.done += 1


async def test_work_begins_after_the_answer() -> None:
    worker, work, tasks = BackgroundWorker(), Counted(), BackgroundTasks()
    work.gate.set()
    async with worker.serve():
        worker.schedule(tasks, work)
        await turns()
        assert work.done == 0
        await tasks()
        assert await worker.wait(SOON)
    assert work.done == 1


async def test_little_runs_at_once_and_little_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "MAX_WAITING", 10)
    worker, work = BackgroundWorker(), Counted()
    async with worker.serve():
        for _ in range(10):
            await end_request(worker, work)
        with pytest.raises(QueueFullError):
            await end_request(worker, work)
        await turns()
        work.gate.set()
        assert await worker.wait(SOON)
        await end_request(worker, work)
    assert (work.most, work.done) == (background.MAX_RUNNING, 11)


async def test_end_of_the_process_waits_for_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "SHUTDOWN_TIMEOUT", SOON)
    worker, work = BackgroundWorker(), Counted()
    async with worker.serve():
        for _ in range(5):
            await end_request(worker, work)
        asyncio.get_running_loop().call_later(0.2, work.gate.set)
    assert work.done == 5


async def test_end_of_the_process_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    monkeypatch.setattr(background, "SHUTDOWN_TIMEOUT", 0.2)
    worker, work = BackgroundWorker(), Counted()
    async with worker.serve():
        for _ in range(3):
            await end_request(worker, work)
    assert work.done == 0
    assert worker.waiting == set()
    assert [record["event"] for record in log()] == ["did not finish the work after 3 answers"]


async def test_failed_work_is_logged_without_what_it_says(log: Log) -> None:
    async def fail() -> None:
        raise ValueError("ada@example.com")

    worker = BackgroundWorker()
    async with worker.serve():
        await end_request(worker, fail)
    assert [record["event"] for record in log()] == ["work after an answer failed: ValueError"]
    assert "ada@example.com" not in str(log())


async def test_without_a_started_application_a_test_sees_the_error() -> None:
    async def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        await end_request(BackgroundWorker(), fail)
