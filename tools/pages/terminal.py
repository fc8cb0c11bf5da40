"""Runs a command in a pseudo-terminal."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Sequence
from pathlib import Path

from harness.processes import Environment
from tools.pages.errors import BrokenPageError

TIMEOUT = 300.0
# Seconds between two looks at whether the process still runs.
INTERVAL = 0.02
# Wide enough that no program breaks its lines, whose length depends on the folder.
ROWS, COLUMNS = 50, 1000


class Terminal:
    """A process that runs in a terminal, and what it prints."""

    def __init__(
        self, script: str, folder: Path, env: Environment, answers: Sequence[str] = ()
    ) -> None:
        """Start a script. `answers` are lines that begin with a question and end with the answer."""
        self.answers = list(answers)
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            ["sh", "-c", script],
            cwd=folder,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.master = master
        self.printed = b""
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        """Read until the process has ended; a server that it leaves behind may continue to print."""
        with contextlib.suppress(OSError):  # On Linux this is how a terminal ends.
            while self.is_running():
                self.read_available(INTERVAL)
            while self.read_available(0):
                pass

    def read_available(self, timeout: float) -> bool:
        """Read what arrives within a time in seconds; return whether anything did."""
        ready, _, _ = select.select([self.master], [], [], timeout)
        if ready:
            self.printed += os.read(self.master, 65536)
            self.answer()
        return bool(ready)

    def answer(self) -> None:
        """Type the rest of an answer's line, if the last line is the question that it begins with."""
        question = self.text.rpartition("\n")[2]
        if not question.endswith(": "):
            return
        for line in self.answers:
            if line.startswith(question):
                self.answers.remove(line)
                os.write(self.master, f"{line.removeprefix(question)}\n".encode())
                return

    def is_running(self) -> bool:
        return self.process.poll() is None

    def wait(self) -> int:
        """Return the exit status."""
        try:
            status = self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.end()
            raise BrokenPageError(f"not within {TIMEOUT:g} seconds:\n{self.text}") from None
        self.thread.join()
        return status

    @property
    def text(self) -> str:
        return self.printed.decode(errors="replace").replace("\r\n", "\n")

    def end(self) -> None:
        """End the process and its group, if necessary by force."""
        for stop in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
