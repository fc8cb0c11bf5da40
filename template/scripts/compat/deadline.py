"""Runs programs that end with this command: at its time limit, with Ctrl-C and on errors."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

Process = subprocess.Popen[str]

# Seconds that a process has to delete its databases after SIGINT.
GRACE = 15


class OutOfTimeError(Exception):
    """The time limit is reached; the message says while doing what."""


@dataclass(frozen=True)
class Finished:
    """The exit status of a program, and what it has printed to both streams."""

    status: int
    output: str

    @property
    def last_line(self) -> str:
        """The last line of the output, which usually has the error."""
        lines = self.output.strip().splitlines() or ["it printed nothing"]
        return lines[-1].strip()


class Deadline:
    """The time limit of the whole command, in seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        return max(0.0, self.end - time.monotonic())

    def check(self, doing: str) -> None:
        """Raise OutOfTimeError at the time limit."""
        if not self.remaining:
            raise OutOfTimeError(f"the limit of {self.seconds:g} seconds is reached while {doing}")

    def run(
        self,
        command: Sequence[str | Path],
        folder: Path,
        environment: Mapping[str, str],
        doing: str,
    ) -> Finished:
        """Run a program to its end; raise OutOfTimeError at the time limit."""
        self.check(doing)
        with started(command, folder, environment) as process:
            try:
                output, _ = process.communicate(timeout=self.remaining)
            except subprocess.TimeoutExpired:
                self.check(doing)
                raise
        return Finished(process.returncode, output)


@contextlib.contextmanager
def started(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str],
    output: int | IO[str] = subprocess.PIPE,
) -> Iterator[Process]:
    """Start a program in a group of its own; end it and its children after the block."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        end(process)


def end(process: Process) -> None:
    """Interrupt a group of processes, so that they delete their databases; then kill it."""
    for sent in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sent)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=GRACE)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # Workers of a process that has ended.
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout is not None:
        process.stdout.close()


def raise_interrupt(*_: object) -> None:
    """End like Ctrl-C: a handler of SIGTERM, which CI servers send."""
    raise KeyboardInterrupt


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM in the block, which cleans up."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
