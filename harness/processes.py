"""Commands that explain their failure, waiting without guessing, and servers that never survive."""

import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

# What this process was given and its children must not inherit: settings, and traces of make,
# pytest and an activated environment.
INHERITED = re.compile(
    r"(MIGRATION_|TEST_)?DATABASE_URL|PORT|VIRTUAL_ENV|MAKE.*|MFLAGS|PYTEST_.*"
    r"|m|rev|confirm|base|table|set|where|to|data|trust|port|PARTS|ONLY"
    r"|PG(DATABASE|HOST|HOSTADDR|OPTIONS|PORT|SERVICE|SERVICEFILE|TARGETSESSIONATTRS)"
    r"|PYTHONDONTWRITEBYTECODE"  # Bytecode that is not kept is made anew by every command.
)
# Who commits: nobody on this machine.
IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
}
DEADLINE = 60.0

T = TypeVar("T")

Environment = Mapping[str, str]
Completed = subprocess.CompletedProcess[str]


def clean_environment(changes: Environment | None = None) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not INHERITED.fullmatch(key)}
    return kept | dict(changes or {})


def run(
    *command: str | Path,
    cwd: Path,
    env: Environment | None = None,
    stdin: str = "",
    code: int | None = 0,
    timeout: float = 300,
) -> Completed:
    """Run a command; raise AssertionError with all there is to know unless it ends with `code`.

    With `code=None` it has to fail, with whatever code.
    """
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=clean_environment(env),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(
            f"{command} in {cwd} took over {timeout:g} seconds: {error}"
        ) from error
    return expect(done, cwd, env, code)


def expect(done: Completed, cwd: Path, env: Environment | None, code: int | None) -> Completed:
    if done.returncode == code or (code is None and done.returncode > 0):
        return done
    expected = "a failure" if code is None else f"exit code {code}"
    raise AssertionError(explain(done, cwd, env, expected))


def explain(done: Completed, cwd: Path, env: Environment | None, expected: str) -> str:
    settings = " ".join(f"{key}={value!r}" for key, value in (env or {}).items())
    return (
        f"\n$ {settings} {' '.join(done.args)}\nin {cwd}: exit code {done.returncode},"
        f" expected {expected}\n--- stdout\n{done.stdout[-6000:]}\n--- stderr\n{done.stderr[-6000:]}"
    )


def only(items: Iterable[T]) -> T:
    """Return the one item that there is; raise AssertionError with all of them otherwise."""
    found = list(items)
    assert len(found) == 1, f"{len(found)} instead of one: {found}"
    return found[0]


def lines_of(output: str) -> list[str]:
    """Return the lines of a command's output, without make's own about its exit code."""
    return [line for line in output.splitlines() if not line.startswith("make: ***")]


def variables(arguments: Iterable[str]) -> dict[str, str]:
    """Return what make hands on to its recipes."""
    return dict(argument.split("=", 1) for argument in arguments)


def wait_for(condition: Callable[[], T], what: str, deadline: float = DEADLINE) -> T:
    """Return the first true value of the condition; raise AssertionError when there is none."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {deadline:g} seconds: {what}")


def kill_group(process: "subprocess.Popen[Any]") -> None:
    """Kill a process that leads a group, and that group; return when none of them runs any more."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not runs(process.pid), f"all that {process.args} has started has ended")


def runs(group: int) -> bool:
    """Return whether a process of the group does; in a container the dead ones may stay listed."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _, number = path.read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
            if int(number) == group and state not in {"Z", "X"}:
                return True
    return False


def free_port() -> int:
    """Return a port that is free, and that no connection is given meanwhile by chance."""
    while True:
        # Below those that systems choose from. Not of a seed, which other processes may have, too.
        port = secrets.randbelow(12_000) + 20_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Server:
    """A server process that answers on loopback, and what it has written."""

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
        if self.process.poll() is not None:
            raise AssertionError(f"{self.process.args} ended early:\n{self.log}")
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.address}/health/live", timeout=5).is_success
        return False

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def wait(self, deadline: float = DEADLINE) -> int:
        """Return the exit code; wait for it no longer than the deadline."""
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.process.args} does not end:\n{self.log}") from None


@contextlib.contextmanager
def serving(
    *command: str | Path, cwd: Path, env: Environment, log_file: Path, port: int
) -> Iterator[Server]:
    """Start a server in a process group of its own; at the end, end all of that group."""
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=clean_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    server = Server(process, port, log_file)
    try:
        wait_for(server.answers, f"{command} answers on port {port}")
        yield server
    except BaseException as error:
        words = " ".join(map(str, command))
        error.add_note(f"--- the log of {words}\n{server.log[-6000:]}")
        raise
    finally:
        for stop in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
