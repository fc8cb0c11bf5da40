"""HTTP clients that load a server on loopback, at a fixed rate or as fast as it answers.

wrk sends a request only after it has received an answer, so a slow server slows it down, and its
percentiles lack the requests that it did not send meanwhile. At a fixed rate each request has a
time at which it is due, and its latency counts from that time, even if it starts later.
"""

import asyncio
import random
import re
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field

# Seconds after which a client gives up.
PATIENCE = 10.0
# Shorter than a server keeps an idle connection, so that no request meets a closing one.
IDLE = 2.0
# In place of a status, for requests without an answer.
UNANSWERED = 0
CONTENT_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


@dataclass
class Answers:
    """The latencies of answers in seconds, by their status or UNANSWERED."""

    times: dict[int, list[float]] = field(default_factory=dict)
    # Seconds from the first request to the last answer.
    seconds: float = 0.0
    # The most requests that waited for an answer at the same time.
    waiting: int = 0

    @property
    def good(self) -> list[float]:
        """The latencies of successful answers."""
        times = []
        for status, latencies in self.times.items():
            if 200 <= status < 300:
                times += latencies
        return times

    @property
    def throughput(self) -> float:
        """Successful answers a second."""
        return len(self.good) / self.seconds

    def share(self, status: int) -> float:
        """Return the share of requests that ended with this status, from 0 to 1."""
        return len(self.times.get(status, [])) / sum(map(len, self.times.values()))


class Connection(asyncio.Protocol):
    """A keep-alive connection with at most one request in progress."""

    def __init__(self) -> None:
        self.received = b""
        self.status: asyncio.Future[int] | None = None
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, request: bytes) -> asyncio.Future[int]:
        """Send a request; the future receives the status of the answer."""
        self.received = b""
        self.status = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.status

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        header = CONTENT_LENGTH.search(head)
        length = int(header[1]) if header else 0
        if end and len(body) >= length and self.status and not self.status.done():
            self.status.set_result(int(head.split(b" ", 2)[1]))

    def connection_lost(self, _error: Exception | None) -> None:
        if self.status and not self.status.done():
            self.status.set_exception(ConnectionResetError())


class LoadGenerator:
    """Sends requests to a server; connections are reused while they are idle."""

    def __init__(self, port: int, request: Callable[[], bytes]) -> None:
        self.port = port
        self.request = request
        self.idle: list[Connection] = []
        self.waiting = 0
        self.answers = Answers()

    async def connect(self) -> Connection:
        """Return an idle connection, or a new one."""
        loop = asyncio.get_running_loop()
        while self.idle:
            connection = self.idle.pop()
            is_fresh = loop.time() - connection.idle_since < IDLE
            if is_fresh and not connection.transport.is_closing():
                return connection
            connection.transport.abort()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self.port)
        return connection

    async def send(self, due: float) -> None:
        """Send a request that was due at this time of the loop, and record its latency."""
        loop = asyncio.get_running_loop()
        self.waiting += 1
        self.answers.waiting = max(self.answers.waiting, self.waiting)
        status, connection = UNANSWERED, None
        try:
            async with asyncio.timeout_at(due + PATIENCE):
                connection = await self.connect()
                status = await connection.send(self.request())
        except OSError:  # Including TimeoutError.
            if connection:
                connection.transport.abort()
        else:
            connection.idle_since = loop.time()
            self.idle.append(connection)
        self.waiting -= 1
        self.answers.times.setdefault(status, []).append(loop.time() - due)

    async def offer(self, delays: Sequence[float]) -> None:
        """Start a request after each of these delays from now, without waiting for answers."""
        loop = asyncio.get_running_loop()
        begin, tasks, ended = loop.time() + 0.05, set(), asyncio.Event()

        def start(due: float) -> None:
            task = loop.create_task(self.send(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        def pace() -> None:
            # In a thread, because a loop wakes up to a millisecond late.
            for delay in delays:
                time.sleep(max(0.0, begin + delay - time.monotonic()))
                loop.call_soon_threadsafe(start, begin + delay)
            loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=pace, daemon=True).start()
        await ended.wait()
        await asyncio.gather(*tasks)
        self.answers.seconds = loop.time() - begin

    async def load(self, clients: int, seconds: float) -> None:
        """Run clients that send the next request when they have the answer to the last."""
        loop = asyncio.get_running_loop()
        begin = loop.time()

        async def run_client() -> None:
            while loop.time() < begin + seconds:
                await self.send(loop.time())

        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(run_client())
        self.answers.seconds = loop.time() - begin

    async def finish(self, work: Coroutine[None, None, None]) -> Answers:
        """Wait for the work, close the connections and return the answers."""
        try:
            await work
        finally:
            for connection in self.idle:
                connection.transport.abort()
            await asyncio.sleep(0)  # An aborted connection closes in the next iteration.
        return self.answers


def offer(port: int, request: Callable[[], bytes], delays: Sequence[float]) -> Answers:
    """Start requests after these delays in seconds, then wait for all answers."""
    generator = LoadGenerator(port, request)
    return asyncio.run(generator.finish(generator.offer(delays)))


def load(port: int, request: Callable[[], bytes], clients: int, seconds: float) -> Answers:
    """Send requests for some seconds from clients that wait for each answer."""
    generator = LoadGenerator(port, request)
    return asyncio.run(generator.finish(generator.load(clients, seconds)))


def random_delays(rate: float, seconds: float, seed: int = 1) -> list[float]:
    """Return the start times of a Poisson process: requests of many independent clients."""
    dice = random.Random(seed)
    delays = []
    delay = dice.expovariate(rate)
    while delay < seconds:
        delays.append(delay)
        delay += dice.expovariate(rate)
    return delays


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values does not exceed; NaN without values."""
    if not values:
        return float("nan")
    position = min(int(len(values) * share), len(values) - 1)
    return sorted(values)[position]
