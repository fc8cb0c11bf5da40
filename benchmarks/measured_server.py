"""A server to be measured: a process on a core of its own, and its measurements so far."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx

from benchmarks import wrk
from benchmarks.resource_usage import cpu, process_tree
from harness.processes import wait_for
from harness.servers import free_port

SERVER_CORE = 0
BOTH_CORES = f"{SERVER_CORE},{wrk.CORE}"
# Seconds to the first answer: other processes may be busy on the same core.
START_MAX = 180
# A path that answers as soon as the server is ready.
FIRST_PATH = "/users?limit=20"


class Load(NamedTuple):
    """A workload of wrk.lua, by name, over a number of connections."""

    workload: str
    connections: int


class RequestCost(NamedTuple):
    """Microseconds of CPU a request, requests a second, and latencies in milliseconds."""

    cpu: float
    throughput: float
    p50: float
    p99: float


class Start(NamedTuple):
    """Seconds of CPU and on the clock from the start of a server to its first answer."""

    cpu: float
    wall: float


@dataclass
class Server:
    """How a server is started, and what has been measured so far."""

    name: str
    title: str
    command: list[str | Path]
    folder: Path
    env: dict[str, str]
    # What the paths of its routes begin with.
    prefix: str = ""
    # Sent with each request.
    headers: Mapping[str, str] = field(default_factory=dict)
    workloads: frozenset[str] = frozenset()
    # Whether a failed request is an error of the benchmark.
    must_not_fail: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    cores: str = str(SERVER_CORE)
    url: str = ""
    pid: int = 0
    costs: dict[Load, list[RequestCost]] = field(default_factory=dict)
    starts: list[Start] = field(default_factory=list)
    # MiB after the load.
    memory: float = 0
    failed: set[Load] = field(default_factory=set)
    # All that it was sent, also to warm it up.
    requests: int = 0

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def variant(self, **changes: Any) -> Self:
        """Return a server with these changes and no measurements."""
        fresh = {"costs": {}, "starts": [], "failed": set(), "requests": 0}
        return replace(self, **{**fresh, **changes})

    def supports(self, load: Load) -> bool:
        """Return whether the server is measured under this load."""
        return not self.workloads or load.workload in self.workloads

    def best(self, load: Load, figure: str) -> float | None:
        """Return the best figure of all rounds: disturbances only make a round worse.

        None where nothing was measured, or where the server has failed in a round.
        """
        if load in self.failed or load not in self.costs:
            return None
        figures = [getattr(cost, figure) for cost in self.costs[load]]
        if figure == "throughput":
            return max(figures)
        return min(figures)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the server on its cores and measure the time to its first answer."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = ["taskset", "--cpu-list", self.cores, *self.command]
        begin = time.perf_counter()
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [str(part).format(port=port) for part in command],
                cwd=self.folder,
                env={**self.env, "PORT": str(port), "PEER_PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.pid = process.pid
            wait_for(lambda: self.is_ready(process), f"{self.name} answers", START_MAX)
            self.starts.append(Start(cpu(self.pid), time.perf_counter() - begin))
            yield
        finally:
            self.stop(process)

    def stop(self, process: "subprocess.Popen[bytes]") -> None:
        """Stop the process; kill it and its children when requests do not end in 10 seconds."""
        pids = process_tree(self.pid)
        process.send_signal(self.stop_signal)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()

    def is_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        """Return whether the server answers; raise AssertionError when its process has ended."""
        assert process.poll() is None, self.log.read_text("utf-8")
        url = self.url + self.prefix + FIRST_PATH
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url, headers=self.headers, timeout=10).is_success
        return False

    def warm_up(self, load: Load) -> None:
        """Put the server under load for a second, without measuring it."""
        self.requests += self.put_under_load(load, 1).requests

    def put_under_load(self, load: Load, seconds: int) -> wrk.Summary:
        return wrk.put_under_load(self.url, *load, seconds, self.prefix, self.headers)

    def measure(self, load: Load, seconds: int) -> None:
        """Put the server under load; record the cost of a request, or that requests failed."""
        before = cpu(self.pid)
        summary = self.put_under_load(load, seconds)
        used = cpu(self.pid) - before
        self.requests += summary.requests
        expected_failures = 0
        if load.workload == "missing":
            expected_failures = summary.requests
        if summary.requests and summary.failed == expected_failures:
            microseconds = used / summary.requests * 1e6
            cost = RequestCost(microseconds, summary.throughput, summary.p50, summary.p99)
            self.costs.setdefault(load, []).append(cost)
            return
        assert not self.must_not_fail, f"{self.name}, {load}: {summary}"
        self.failed.add(load)
