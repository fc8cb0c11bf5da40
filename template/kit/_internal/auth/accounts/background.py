"""Work that happens after the answer, so that the answer is the same for all e-mail addresses.

The work is kept in memory only: what does not finish before the process ends is lost, and users
request another mail.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.background import BackgroundTasks

from kit._internal.problems import ProblemError

logger = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]

# Requests whose work waits or runs; further ones are refused.
MAX_WAITING = 200
# Each takes a connection of the pool, which other requests need, too.
MAX_RUNNING = 2
# How long the end of the process waits, in seconds.
SHUTDOWN_TIMEOUT = 5.0


class QueueFullError(ProblemError):
    """503: more requests for mails wait than this process can handle."""

    def __init__(self) -> None:
        super().__init__(503, "Too many clients request a mail; try again shortly.", "mail-busy")
        self.headers = {"Retry-After": "5"}


class BackgroundWorker:
    """Does work after answers while serve() is active.

    Otherwise, as in tests of an application that is not started, schedule() does it at the end of
    the request: a test sees the result when it has the answer.
    """

    def __init__(self) -> None:
        self.is_serving = False
        self.waiting: set[asyncio.Task[None]] = set()
        self.running = asyncio.Semaphore(MAX_RUNNING)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Accept work until the end of the block, which waits for it for SHUTDOWN_TIMEOUT."""
        # It belongs to the event loop in which it is used first.
        self.running = asyncio.Semaphore(MAX_RUNNING)
        self.is_serving = True
        try:
            yield
        finally:
            self.is_serving = False
            await self.stop()

    def schedule(self, tasks: BackgroundTasks, work: Work) -> None:
        """Do the work when the answer of a request, whose tasks these are, has been sent.

        Raises QueueFullError, for every request alike.
        """
        if len(self.waiting) >= MAX_WAITING:
            raise QueueFullError
        # Not before the answer: it would take longer if there is more to do.
        tasks.add_task(self.start, work)

    async def start(self, work: Work) -> None:
        """Do the work in a task of its own, so that the connection of the client is free."""
        if not self.is_serving:
            await work()
            return
        task = asyncio.create_task(self.run(work))
        self.waiting.add(task)
        task.add_done_callback(self.waiting.discard)

    async def run(self, work: Work) -> None:
        """Do the work; log an error without its text, which may quote an address."""
        try:
            async with self.running:
                await work()
        except Exception as error:  # noqa: BLE001
            logger.error("work after an answer failed: %s", type(error).__name__)  # noqa: TRY400

    async def wait(self, timeout: float) -> bool:  # noqa: ASYNC109
        """Wait for the work so far; return whether it was done in time."""
        if not self.waiting:
            return True
        _, unfinished = await asyncio.wait({*self.waiting}, timeout=timeout)
        return not unfinished

    async def stop(self) -> None:
        """Finish the work, or give up after SHUTDOWN_TIMEOUT."""
        if await self.wait(SHUTDOWN_TIMEOUT):
            return
        unfinished = {*self.waiting}
        for task in unfinished:
            task.cancel()
        await asyncio.wait(unfinished)
        logger.error("did not finish the work after %d answers", len(unfinished))
