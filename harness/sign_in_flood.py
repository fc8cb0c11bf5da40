"""A flood of attempts to sign in, and how long other requests take during it."""

import asyncio
import json
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field

CONNECTIONS = 50


@dataclass
class Flood:
    """What a flood was answered, and how long each request of a user took, in seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    durations: list[float] = field(default_factory=list)
    # Of the requests of the user.
    user_statuses: Counter[int] = field(default_factory=Counter)

    @property
    def p99(self) -> float:
        ordered = sorted(self.durations)
        return ordered[int(len(ordered) * 0.99)]

    def __str__(self) -> str:
        return (
            f"p99 {self.p99 * 1000:.0f} ms of {len(self.durations)} requests during"
            f" {sum(self.statuses.values())} attempts: {dict(self.statuses)}"
        )


class Connection:
    """A connection that is kept alive."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, head: str, body: bytes = b"") -> int:
        """Send a request; return the status of the response."""
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        length = f"Host: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(f"{head}\r\n{length}".encode() + body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        _, _, rest = answer.partition(b"content-length: ")
        await self.reader.readexactly(int(rest.partition(b"\r\n")[0] or 0))
        return int(answer.split(b" ")[1])

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


async def attempt(connection: Connection) -> int:
    """Try to sign in with an unknown address, behind a proxy that names another client each time."""
    body = {"email": f"{secrets.token_hex(6)}@example.com", "password": secrets.token_hex(8)}
    client = f"10.{secrets.randbelow(250)}.{secrets.randbelow(250)}.{secrets.randbelow(250)}"
    head = "POST /auth/sign-in HTTP/1.1\r\nContent-Type: application/json\r\n"
    return await connection.ask(f"{head}X-Forwarded-For: {client}", json.dumps(body).encode())


async def attack(port: int, flood: Flood, interval: float, end: float) -> None:
    """Try to sign in every `interval` seconds, or as often as the service answers."""
    connection = Connection(port)
    due = time.monotonic() + secrets.randbelow(1000) / 1000 * interval
    while due < end:
        await asyncio.sleep(max(0, due - time.monotonic()))
        flood.statuses[await attempt(connection)] += 1
        due = max(due + interval, time.monotonic())
    connection.close()


async def use(port: int, flood: Flood, path: str, headers: str, end: float) -> None:
    """Request a path again and again, as a user."""
    connection = Connection(port)
    while time.monotonic() < end:
        start = time.perf_counter()
        flood.user_statuses[await connection.ask(f"GET {path} HTTP/1.1\r\n{headers}")] += 1
        flood.durations.append(time.perf_counter() - start)
        await asyncio.sleep(0.01)
    connection.close()


async def flooded(port: int, rate: int, seconds: float, path: str, headers: str) -> Flood:
    """Flood a service with `rate` attempts a second, and measure the requests of a user."""
    flood = Flood()
    end = time.monotonic() + seconds
    tasks = [use(port, flood, path, headers, end)]
    for _ in range(CONNECTIONS):
        tasks.append(attack(port, flood, CONNECTIONS / rate, end))
    await asyncio.gather(*tasks)
    return flood
