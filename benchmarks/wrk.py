"""Load by wrk, or by its substitute in Python where wrk is not installed."""

import functools
import re
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from harness.processes import run
from harness.programs import program
from harness.template import ROOT

CORE = 1
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class Summary(NamedTuple):
    """Requests, failed requests, requests a second, and latencies in milliseconds."""

    requests: int
    failed: int
    throughput: float
    p50: float
    p99: float


@functools.cache
def load_command() -> list[str]:
    """Return the command of wrk, which is installed if possible, or of its substitute."""
    try:
        wrk = program("wrk", package="wrk")
    except (pytest.skip.Exception, pytest.fail.Exception):
        return [sys.executable, "-m", "benchmarks.wrk_substitute"]
    return [wrk, "--threads", "1", "--latency", "--script", str(ROOT / "benchmarks/wrk.lua")]


def put_under_load(
    url: str,
    workload: str,
    connections: int,
    seconds: int,
    prefix: str,
    headers: Mapping[str, str] | None = None,
) -> Summary:
    """Send requests of a workload over some connections, on a core of their own.

    `prefix` is what paths begin with, in front of /users. `headers` are sent with each request.
    """
    command = ["taskset", "--cpu-list", str(CORE), *load_command()]
    command += ["--connections", str(connections), "--duration", f"{seconds}s"]
    for name, value in (headers or {}).items():
        command += ["--header", f"{name}: {value}"]
    command += [url, "--", workload, str(time.time_ns()), prefix]
    return parse(run(*command, cwd=ROOT).stdout)


def parse(output: str) -> Summary:
    """Read what wrk prints; raise ValueError for anything else."""
    requests = re.search(r"(\d+) requests in", output)
    throughput = re.search(r"Requests/sec: +([\d.]+)", output)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if not requests or not throughput:
        raise ValueError(f"this is not what wrk prints: {output}")
    return Summary(
        int(requests[1]),
        int(failed[1]) if failed else 0,
        float(throughput[1]),
        parse_latency("50", output),
        parse_latency("99", output),
    )


def parse_latency(percentile: str, output: str) -> float:
    """Return a percentile in milliseconds."""
    line = re.search(rf"(?m)^ +{percentile}% +([\d.]+)(us|ms|s) *$", output)
    if not line:
        raise ValueError(f"no {percentile}th percentile: {output}")
    return float(line[1]) * MILLISECONDS[line[2]]
