"""Load on a server on loopback: at a rate that waits for nobody, or from clients that do.

wrk asks again only when it has got its answer, so a slow server slows it down, and what would have
been asked meanwhile is missing from its percentiles. Here a request has a time at which it should
begin, and its latency counts from there, whether it could begin then or not.
"""

import asyncio
import itertools
import random
import re
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field

# Seconds after which a client gives up.
PATIENCE = 10.0
# Less than a server keeps an idle connection, so that the two never cross.
IDLE = 2.0
UNANSWERED = 0
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


@dataclass
class Answers:
    """How long answers took, in seconds, by their status; UNANSWERED is one."""

    times: dict[int, list[float]] = field(default_factory=dict)
    # Seconds from the first request to the last answer, and the most requests waiting at a time.
    seconds: float = 0.0
    waiting: int = 0

    @property
    def good(self) -> list[float]:
        """The times of those that were served."""
        return [one for status, taken in self.times.items() if 200 <= status < 300 for one in taken]

    @property
    def throughput(self) -> float:
        """How many a second were served."""
        return len(self.good) / self.seconds

    def share(self, status: int) -> float:
        """Return the share of all requests that ended with this status."""
        return len(self.times.get(status, [])) / sum(map(len, self.times.values()))


class Connection(asyncio.Protocol):
    """A connection that stays open, with one request on its way at most."""

    def __init__(self) -> None:
        self.received = b""
        self.answer: asyncio.Future[int] | None = None
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """Send a request; the future gets the status of the answer."""
        self.received = b""
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if end and len(body) >= int(length[1] if length else 0) and self.waits():
            assert self.answer
            self.answer.set_result(int(head.split(b" ", 2)[1]))

    def connection_lost(self, _error: Exception | None) -> None:
        if self.waits():
            assert self.answer
            self.answer.set_exception(ConnectionResetError())

    def waits(self) -> bool:
        return self.answer is not None and not self.answer.done()


class Driver:
    """Clients of one server, each with a connection of its own while it waits."""

    def __init__(self, port: int, request: Callable[[], bytes]) -> None:
        self.port = port
        self.request = request
        self.idle: list[Connection] = []
        self.waiting = 0
        self.answers = Answers()

    async def connection(self) -> Connection:
        loop = asyncio.get_running_loop()
        while self.idle:
            found = self.idle.pop()
            if loop.time() - found.since < IDLE and not found.transport.is_closing():
                return found
            found.transport.abort()
        return (await loop.create_connection(Connection, "127.0.0.1", self.port))[1]

    async def ask(self, due: float) -> None:
        """Make a request that should have begun at this time of the loop."""
        loop = asyncio.get_running_loop()
        self.waiting += 1
        self.answers.waiting = max(self.answers.waiting, self.waiting)
        status, connection = UNANSWERED, None
        try:
            async with asyncio.timeout_at(due + PATIENCE):
                connection = await self.connection()
                status = await connection.ask(self.request())
        except OSError:  # TimeoutError is one.
            if connection:
                connection.transport.abort()
        else:
            connection.since = loop.time()
            self.idle.append(connection)
        self.waiting -= 1
        self.answers.times.setdefault(status, []).append(loop.time() - due)

    async def offer(self, delays: Sequence[float]) -> None:
        """Begin a request after each of these delays from now, whatever became of the others."""
        loop = asyncio.get_running_loop()
        begin, tasks, ended = loop.time() + 0.05, set(), asyncio.Event()

        def start(due: float) -> None:
            task = loop.create_task(self.ask(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        def pace() -> None:
            # A thread, because a loop wakes up to a millisecond late.
            for delay in delays:
                time.sleep(max(0.0, begin + delay - time.monotonic()))
                loop.call_soon_threadsafe(start, begin + delay)
            loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=pace, daemon=True).start()
        await ended.wait()
        await asyncio.gather(*tasks)
        self.answers.seconds = loop.time() - begin

    async def load(self, clients: int, seconds: float) -> None:
        """Have so many clients ask, each again when it has its answer, for so long."""
        loop = asyncio.get_running_loop()
        begin = loop.time()

        async def client() -> None:
            while loop.time() < begin + seconds:
                await self.ask(loop.time())

        await asyncio.gather(*(client() for _ in range(clients)))
        self.answers.seconds = loop.time() - begin


async def drive(driver: Driver, work: Coroutine[None, None, None]) -> Answers:
    try:
        await work
    finally:
        for connection in driver.idle:
            connection.transport.abort()
        await asyncio.sleep(0)  # Only then are they closed.
    return driver.answers


def offer(port: int, request: Callable[[], bytes], delays: Sequence[float]) -> Answers:
    """Make requests after these delays in seconds, whatever becomes of them; wait for all."""
    driver = Driver(port, request)
    return asyncio.run(drive(driver, driver.offer(delays)))


def load(port: int, request: Callable[[], bytes], clients: int, seconds: float) -> Answers:
    """Have so many clients ask for so long, each again when it has its answer."""
    driver = Driver(port, request)
    return asyncio.run(drive(driver, driver.load(clients, seconds)))


def random_delays(rate: float, seconds: float, seed: int = 1) -> list[float]:
    """Return when requests begin that come from many clients who know nothing of each other."""
    dice = random.Random(seed)
    times = itertools.accumulate(dice.expovariate(rate) for _ in itertools.count())
    return list(itertools.takewhile(lambda time: time < seconds, times))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values is not above; not a number without any."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")
