"""The workloads of wrk.lua in Python, and a load generator for machines without wrk.

It accepts the arguments of wrk and prints its figures in the same form. It uses more CPU than wrk,
so that a fast server has to wait for it, and throughput is underestimated.
"""

import argparse
import itertools
import random
from collections.abc import Callable
from urllib.parse import urlsplit

from benchmarks.clients import load, percentile

USER, DUMMY = "/users/01890000-0000-7000-8000-{:012x}", "/api/dummy/{}"
# Method, path and body by routes and workload.
REQUESTS = {
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
# 80 % read: half of that by id, half the list.
MIX = ["by_id"] * 4 + ["list"] * 4 + ["post", "patch"]


def requests(routes: str, workload: str, seed: object = "") -> Callable[[], bytes]:
    """Return a function that returns the next request; the seed makes written values unique."""
    dice, numbers = random.Random(42), itertools.count()

    def next_request() -> bytes:
        name = dice.choice(MIX) if workload == "mix" else workload
        method, path, body = REQUESTS[routes, name]
        head = f"{method} {path.format(dice.randint(1, 999))} HTTP/1.1\r\nHost: localhost\r\n"
        if body:
            body = body.replace("NEW", f"{seed}-{next(numbers)}")
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n{body}".encode()

    return next_request


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--duration", type=lambda text: int(text.removesuffix("s")))
    for name in ("url", "workload", "seed", "routes"):
        parser.add_argument(name)
    options = parser.parse_args()
    request = requests(options.routes, options.workload, options.seed)
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
