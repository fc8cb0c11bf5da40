"""Constant load on the replicas of a service, from a process of its own: `python -m harness.rolling_load`.

It is also their load balancer: a replica that is taken out gets no new requests, and is out when its
running requests are answered.
"""

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.load_phases import Phase

TIMEOUT = 30.0
# Seconds; less than a server keeps idle connections, so that it never closes one that is used again.
IDLE = 2.0
# Requests at the same time.
CLIENTS = 16


@dataclass
class Replica:
    """A process of the service: its running requests and its idle connections."""

    port: int
    running: int = 0
    idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = field(
        default_factory=list
    )

    async def connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self.idle:
            since, reader, writer = self.idle.pop()
            if time.monotonic() - since < IDLE and not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        self.running += 1
        try:
            return await self.exchange(method, path, body)
        finally:
            self.running -= 1

    async def exchange(self, method: str, path: str, body: object) -> tuple[int, Any]:
        content = b""
        if body is not None:
            content = json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        reader, writer = await self.connection()
        writer.write(head.encode() + content)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = answer.partition("content-length:")[2].partition("\r\n")[0]
        text = await reader.readexactly(int(length or 0))
        if "connection: close" in answer:
            writer.close()
        else:
            self.idle.append((time.monotonic(), reader, writer))
        return int(answer.split()[1]), json.loads(text) if text else None


class Load:
    """Requests to the replicas in turns, by the phase in which they began."""

    def __init__(
        self, ports: Sequence[int], rate: float, seeded: Sequence[str], phase: str
    ) -> None:
        self.replicas = {port: Replica(port) for port in ports}
        self.rotation = list(ports)
        self.rate = rate
        self.seeded = seeded
        # Users that it has created, by id and expected name; a request takes its user out meanwhile.
        self.users: list[tuple[str, str]] = []
        self.phases = [Phase(phase)]
        self.number = 0

    async def run(self) -> None:
        """Start requests at a fixed rate, or if that is too high, as fast as they are answered."""
        loop = asyncio.get_running_loop()
        due, running = loop.time(), set()
        free = asyncio.Semaphore(CLIENTS)
        while True:
            await free.acquire()
            await asyncio.sleep(max(0, due - loop.time()))
            due = max(due, loop.time() - 1) + 1 / self.rate
            self.number += 1
            task = asyncio.create_task(self.ask(self.number, self.phases[-1]))
            running.add(task)
            task.add_done_callback(running.discard)
            task.add_done_callback(lambda _: free.release())

    async def ask(self, number: int, phase: Phase) -> None:
        """Make one request and check its answer."""
        begin = time.monotonic()
        replica = self.replicas[self.rotation[number % len(self.rotation)]]
        asked: list[object] = []
        try:
            async with asyncio.timeout(TIMEOUT):
                await self.choose(number, replica, asked)
        except Exception as error:  # noqa: BLE001
            now = time.strftime("%H:%M:%S")
            failure = f"{phase.title}, {now}, port {replica.port}: {asked}: {error!r}"
            phase.failures.append(failure)
        phase.times.append(time.monotonic() - begin)

    async def choose(self, number: int, replica: Replica, asked: list[object]) -> None:
        """Make a random request, which is appended to `asked` for messages."""

        async def expect(status: int, name: str | None, *request: object) -> Any:
            asked.extend(request)
            answer, body = await replica.request(*request)  # type: ignore[arg-type]
            assert answer == status, f"answered {answer}: {body}"
            assert name is None or body["name"] == name, f"answered {body}, not {name}"
            return body

        kind = random.random()
        name = f"Name {number}"
        if kind < 0.25 or not self.users:
            body = {"email": f"load{number}@example.com", "name": name}
            user = (await expect(201, name, "POST", "/users", body))["id"]
            self.users.append((user, name))
        elif kind < 0.45:
            user, _ = self.users.pop(random.randrange(len(self.users)))
            await expect(200, name, "PATCH", f"/users/{user}", {"name": name})
            self.users.append((user, name))
        elif kind < 0.65:
            user, name = self.users.pop(random.randrange(len(self.users)))
            await expect(200, name, "GET", f"/users/{user}")
            self.users.append((user, name))
        elif kind < 0.7:
            user, _ = self.users.pop(random.randrange(len(self.users)))
            await expect(204, None, "DELETE", f"/users/{user}")
        elif kind < 0.9:
            user = random.choice(self.seeded)
            await expect(200, f"Seeded {int(user[-12:], 16)}", "GET", f"/users/{user}")
        else:
            page = await expect(200, None, "GET", "/users?limit=20")
            assert len(page["items"]) == 20, page

    async def obey(self, word: str, value: str) -> object:
        """Execute a command of the driver; return the answer to it."""
        if word == "phase":
            self.phases.append(Phase(value))
        elif word == "out":
            self.rotation.remove(int(value))
            while self.replicas[int(value)].running:
                await asyncio.sleep(0.01)
        elif word == "in":
            self.replicas[int(value)] = Replica(int(value))
            self.rotation.append(int(value))
        elif word == "report":
            return list(map(asdict, self.phases))
        return self.number


async def main() -> None:
    """Read the options and then commands, a line each; print the answer to each command."""
    loop = asyncio.get_running_loop()
    load = Load(**json.loads(sys.stdin.readline()))
    running = asyncio.create_task(load.run())
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, _, value = line.strip().partition(" ")
        if word == "report":
            running.cancel()
            # Requests that are not answered yet are counted, too.
            others = asyncio.all_tasks() - {asyncio.current_task(), running}
            await asyncio.gather(*others)
        print(json.dumps(await load.obey(word, value)), flush=True)


class Driver:
    """Controls the process with the load."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def send(self, command: str) -> Any:
        """Send `phase NAME`, `out PORT`, `in PORT`, `count` or `report`; return the answer."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline() or "null")

    def report(self) -> list[Phase]:
        """End the load; return the phases in which requests were made."""
        phases = [Phase(**phase) for phase in self.send("report")]
        return [phase for phase in phases if phase.times]


@contextlib.contextmanager
def loading(
    ports: Sequence[int], rate: float, seeded: Sequence[str], phase: str
) -> Iterator[Driver]:
    """Send requests to the replicas during the block, which begins with this phase."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.rolling_load"],
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    options = {"ports": ports, "rate": rate, "seeded": seeded, "phase": phase}
    process.stdin.write(json.dumps(options) + "\n")
    try:
        yield Driver(process)
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    asyncio.run(main())
