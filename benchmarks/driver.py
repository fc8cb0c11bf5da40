"""The load where wrk is not installed: takes its arguments, asks what wrk.lua asks, prints the like.

It costs more CPU than wrk, so that a fast server waits for it: its throughput is too low then.
"""

import argparse
import asyncio
import random
import re
import time

USER, DUMMY = "/users/01890000-0000-7000-8000-{:012x}", "/api/dummy/{}"
ASKED = {
    ("users", "by_id"): ("GET", USER, ""),
    ("users", "list"): ("GET", "/users?limit=20", ""),
    ("users", "post"): ("POST", "/users", '{"email": "NEW@example.com", "name": "New"}'),
    ("users", "patch"): ("PATCH", USER, '{"name": "Name NEW"}'),
    ("users", "missing"): ("GET", "/users/ffffffff-ffff-7fff-8fff-ffffffffffff", ""),
    ("dummy", "by_id"): ("GET", DUMMY, ""),
    ("dummy", "list"): ("GET", "/api/dummy/?limit=20", ""),
    ("dummy", "post"): ("PUT", "/api/dummy/", '{"name": "New"}'),
    ("dummy", "missing"): ("GET", "/api/dummy/999999999", ""),
}
MIX = ["by_id"] * 4 + ["list"] * 4 + ["post", "patch"]


async def connection(given: argparse.Namespace, end: float, waits: list[float]) -> int:
    """Ask until the end; return how many answers were none of success."""
    host, _, port = given.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    failed = count = 0
    while (begin := time.perf_counter()) < end:
        workload = random.choice(MIX) if given.workload == "mix" else given.workload
        method, path, body = ASKED[given.routes, workload]
        path, body = (
            path.format(random.randint(1, 999)),
            body.replace("NEW", f"{given.seed}-{id(reader)}-{count}"),
        )
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", answer)
        await reader.readexactly(int(length[1]) if length else 0)
        waits.append(time.perf_counter() - begin)
        failed += answer.split()[1][:1] != b"2"
        count += 1
    writer.close()
    return failed


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--duration", type=lambda text: int(text.removesuffix("s")))
    for name in ("address", "workload", "seed", "routes"):
        parser.add_argument(name)
    given, waits = parser.parse_args(), []
    begin = time.perf_counter()
    tasks = [connection(given, begin + given.duration, waits) for _ in range(given.connections)]
    failed, took = sum(await asyncio.gather(*tasks)), time.perf_counter() - begin
    waits.sort()
    for percentile in (50, 99):
        print(f"  {percentile}% {waits[len(waits) * percentile // 100] * 1000:.2f}ms")
    print(f"{len(waits)} requests in {took:.2f}s\nRequests/sec: {len(waits) / took:.2f}")
    print(f"Non-2xx or 3xx responses: {failed}")


if __name__ == "__main__":
    asyncio.run(main())
