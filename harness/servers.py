"""Services that answer on loopback while a test runs, and end with it."""

import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from harness.processes import DEADLINE, Environment, clean_environment, wait_for


def free_port() -> int:
    """Return a free port, out of the range that systems give to outgoing connections."""
    while True:
        # Not from a seeded generator: other processes may have the same seed.
        port = secrets.randbelow(12_000) + 20_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class RunningService:
    """The process of a service that answers on loopback, and its log."""

    process: subprocess.Popen[str]
    port: int
    log_file: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8", errors="replace")

    def answers(self) -> bool:
        """Return whether it is healthy; raise AssertionError if it has ended."""
        if self.process.poll() is not None:
            raise AssertionError(f"{self.process.args} ended early:\n{self.log}")
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.address}/health/live", timeout=5).is_success
        return False

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def wait(self, deadline: float = DEADLINE) -> int:
        """Return the exit code; raise AssertionError after the deadline."""
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.process.args} does not end:\n{self.log}") from None


@contextlib.contextmanager
def serving(
    *command: str | Path, cwd: Path, env: Environment, log_file: Path, port: int
) -> Iterator[RunningService]:
    """Run a service in a process group of its own; end the group with the block."""
    with log_file.open("w") as log:
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=cwd,
            env=clean_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    server = RunningService(process, port, log_file)
    try:
        wait_for(server.answers, f"{command} answers on port {port}")
        yield server
    except BaseException as error:
        error.add_note(f"--- the log of {' '.join(map(str, command))}\n{server.log[-6000:]}")
        raise
    finally:
        for stop in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)


def wait_for_workers(service: RunningService, number: int) -> None:
    """Wait until so many processes of a service have started: the first answers before the others."""
    started = re.compile(r"Started server process \[\d+\]")
    wait_for(lambda: len(started.findall(service.log)) == number, "all workers serve")
