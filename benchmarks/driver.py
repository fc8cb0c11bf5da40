"""What wrk.lua asks for, and the load where wrk is not installed: takes wrk's arguments, prints the like.

It costs more CPU than wrk, so that a fast server waits for it: its throughput is too low then.
"""

import argparse
import itertools
import random
from collections.abc import Callable
from urllib.parse import urlsplit

from benchmarks.clients import load, percentile

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
# 80 % read: half of that by id, half the list.
MIX = ["by_id"] * 4 + ["list"] * 4 + ["post", "patch"]


def requests(routes: str, workload: str, seed: object = "") -> Callable[[], bytes]:
    """Return a function that returns requests of a workload; what they write has the seed in it."""
    dice, numbers = random.Random(42), itertools.count()

    def request() -> bytes:
        method, path, body = ASKED[routes, dice.choice(MIX) if workload == "mix" else workload]
        head = f"{method} {path.format(dice.randint(1, 999))} HTTP/1.1\r\nHost: localhost\r\n"
        if body:
            body = body.replace("NEW", f"{seed}-{next(numbers)}")
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n{body}".encode()

    return request


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--duration", type=lambda text: int(text.removesuffix("s")))
    for name in ("address", "workload", "seed", "routes"):
        parser.add_argument(name)
    given = parser.parse_args()
    request = requests(given.routes, given.workload, given.seed)
    answers = load(urlsplit(given.address).port or 80, request, given.connections, given.duration)
    waits = [wait for times in answers.times.values() for wait in times]
    for share in (50, 99):
        print(f"  {share}% {percentile(waits, share / 100) * 1000:.2f}ms")
    print(f"{len(waits)} requests in {answers.seconds:.2f}s")
    print(f"Requests/sec: {len(waits) / answers.seconds:.2f}")
    print(f"Non-2xx or 3xx responses: {len(waits) - len(answers.good)}")


if __name__ == "__main__":
    main()
