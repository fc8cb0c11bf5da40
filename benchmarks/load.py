"""Puts a server under load with wrk, or with driver.py where wrk can not be had."""

import functools
import re
import sys
import time
from typing import NamedTuple

import pytest

from harness.processes import run
from harness.programs import program
from harness.template import ROOT

CORE = 1


class Answers(NamedTuple):
    """Requests, those among them that failed, requests a second, and milliseconds of waiting."""

    requests: int
    failed: int
    throughput: float
    p50: float
    p99: float


@functools.cache
def driver() -> list[str]:
    """Return the command: wrk, installed if this process may, or the driver in Python."""
    try:
        wrk = program("wrk", package="wrk")
    except (pytest.skip.Exception, pytest.fail.Exception):
        return [sys.executable, "-m", "benchmarks.driver"]
    return [wrk, "--threads", "1", "--latency", "--script", str(ROOT / "benchmarks/wrk.lua")]


def put_under_load(
    address: str, workload: str, connections: int, seconds: int, routes: str
) -> Answers:
    """Ask for a workload on so many connections for so many seconds, on a core of its own."""
    command = ["taskset", "--cpu-list", str(CORE), *driver(), "--connections", str(connections)]
    command += ["--duration", f"{seconds}s", address, "--", workload, str(time.time_ns()), routes]
    return parse(run(*command, cwd=ROOT).stdout)


def parse(said: str) -> Answers:
    """Read what wrk prints."""
    requests = re.search(r"(\d+) requests in", said)
    throughput = re.search(r"Requests/sec: +([\d.]+)", said)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if not requests or not throughput:
        raise ValueError(f"this is not what wrk prints: {said}")
    return Answers(
        int(requests[1]),
        int(failed[1]) if failed else 0,
        float(throughput[1]),
        milliseconds("50", said),
        milliseconds("99", said),
    )


def milliseconds(percentile: str, said: str) -> float:
    found = re.search(rf"(?m)^ +{percentile}% +([\d.]+)(us|ms|s) *$", said)
    if not found:
        raise ValueError(f"no {percentile}th percentile: {said}")
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]
