"""The workloads of wrk.lua in Python, and a load generator for machines without wrk.

It accepts the arguments of wrk and prints its figures in the same form. It uses more CPU than wrk,
so that a fast server has to wait for it, and throughput is underestimated.
"""

import argparse
import itertools
import random
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from benchmarks.clients import load, percentile

USERS = "/users"
USER = "/users/01890000-0000-7000-8000-{:012x}"
# Method, path and body of each workload.
REQUESTS = {
    "by_id": ("GET", USER, ""),
    "list": ("GET", f"{USERS}?limit=20", ""),
    "post": ("POST", USERS, '{"email": "NEW@example.com", "name": "New"}'),
    "patch": ("PATCH", USER, '{"name": "Name NEW"}'),
    "missing": ("GET", f"{USERS}/ffffffff-ffff-7fff-8fff-ffffffffffff", ""),
}
# 80 % read: half of that by id, half the list.
MIX = ["by_id"] * 4 + ["list"] * 4 + ["post", "patch"]


def requests(
    workload: str, seed: object = "", prefix: str = "", headers: Sequence[str] = ()
) -> Callable[[], bytes]:
    """Return a function that returns the next request; the seed makes written values unique."""
    lines = "".join(f"{header}\r\n" for header in headers)
    dice, numbers = random.Random(42), itertools.count()

    def next_request() -> bytes:
        name = dice.choice(MIX) if workload == "mix" else workload
        method, path, body = REQUESTS[name]
        head = (
            f"{method} {prefix}{path.format(dice.randint(1, 999))} HTTP/1.1\r\nHost: localhost\r\n"
        )
        head += lines
        if body:
            body = body.replace("NEW", f"{seed}-{next(numbers)}")
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n{body}".encode()

    return next_request


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--duration", type=lambda text: int(text.removesuffix("s")))
    parser.add_argument("--header", action="append", default=[])
    for name in ("url", "workload", "seed", "prefix"):
        parser.add_argument(name)
    options = parser.parse_args()
    request = requests(options.workload, options.seed, options.prefix, options.header)
    port = urlsplit(options.url).port or 80
    answers = load(port, request, options.connections, options.duration)
    latencies = list(itertools.chain(*answers.times.values()))
    for share in (50, 99):
        print(f"  {share}% {percentile(latencies, share / 100) * 1000:.2f}ms")
    print(f"{len(latencies)} requests in {answers.seconds:.2f}s")
    print(f"Requests/sec: {len(latencies) / answers.seconds:.2f}")
    print(f"Non-2xx or 3xx responses: {len(latencies) - len(answers.good)}")


if __name__ == "__main__":
    main()
