"""Commands that explain their failure, and conditions that are waited for."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

# Variables of this process that its children must not inherit: settings, and what make, pytest and
# an activated environment set.
INHERITED = re.compile(
    r"(MIGRATION_|TEST_)?DATABASE_URL|PORT|VIRTUAL_ENV|MAKE.*|MFLAGS|PYTEST_.*"
    r"|m|rev|rename|unsafe|confirm|base|allow|table|set|where|key|to|data|trust|from|stats|rows|load"
    r"|format|limit|port|PARTS|ONLY"
    r"|PG(DATABASE|HOST|HOSTADDR|OPTIONS|PORT|SERVICE|SERVICEFILE|TARGETSESSIONATTRS)"
    r"|OTEL_.*|SENTRY_.*"
    r"|PYTHONDONTWRITEBYTECODE"  # Without bytecode files every command compiles its modules again.
)
# The author of commits, which a machine's git may not know.
IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}
# The tests of services run in one process, as those of the template are already parallel: a second
# process of pytest needs as long to start as most of them take.
ONE_PROCESS = {"PYTEST_XDIST_AUTO_NUM_WORKERS": "0"}
# How long the database of a service may take to answer until the service is not ready: the default
# is for the probes of a platform, which come again.
PATIENCE = {"ORDERS_READY_TIMEOUT": "20"}
DEADLINE = 60.0

T = TypeVar("T")

Environment = Mapping[str, str]
Completed = subprocess.CompletedProcess[str]


def clean_environment(changes: Environment | None = None) -> dict[str, str]:
    """Return the environment for a child process: this one's without INHERITED, and the changes."""
    environment = {key: text for key, text in os.environ.items() if not INHERITED.fullmatch(key)}
    environment |= ONE_PROCESS | PATIENCE
    environment.update(changes or {})
    return environment


def run(
    *command: str | Path,
    cwd: Path,
    env: Environment | None = None,
    stdin: str = "",
    code: int | None = 0,
    timeout: float = 300,
) -> Completed:
    """Run a command; raise AssertionError with its output unless it ends with `code`.

    With `code=None` any code but 0 is expected.
    """
    return expect(
        run_unchecked(*command, cwd=cwd, env=env, stdin=stdin, timeout=timeout), cwd, env, code
    )


def run_unchecked(
    *command: str | Path,
    cwd: Path,
    env: Environment | None = None,
    stdin: str = "",
    timeout: float = 300,
) -> Completed:
    """Run a command, which may end with any code; raise AssertionError if it takes too long."""
    try:
        return subprocess.run(
            list(map(str, command)),
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


def expect(done: Completed, cwd: Path, env: Environment | None, code: int | None) -> Completed:
    """Return a completed process; raise AssertionError unless it ended with `code`, see `run`."""
    if done.returncode == code or (code is None and done.returncode > 0):
        return done
    expected = "a failure" if code is None else f"exit code {code}"
    raise AssertionError(explain(done, cwd, env, expected))


def explain(done: Completed, cwd: Path, env: Environment | None, expected: str) -> str:
    """Return the command as typed in a shell, its exit code and the end of its output."""
    settings = " ".join(f"{key}={value!r}" for key, value in (env or {}).items())
    return (
        f"\n$ {settings} {' '.join(done.args)}\nin {cwd}: exit code {done.returncode},"
        f" expected {expected}\n--- stdout\n{done.stdout[-6000:]}\n--- stderr\n{done.stderr[-6000:]}"
    )


def only(items: Iterable[T]) -> T:
    """Return the single item; raise AssertionError with all of them when it is not the only one."""
    everything = list(items)
    assert len(everything) == 1, f"{len(everything)} instead of one: {everything}"
    return everything[0]


def lines_of(output: str) -> list[str]:
    """Return the lines of a command's output, without make's own about its exit code."""
    return [line for line in output.splitlines() if not line.startswith("make: ***")]


def variables(arguments: Iterable[str]) -> dict[str, str]:
    """Return arguments of make, `name=value`, as the variables that its recipes get."""
    return dict(argument.split("=", 1) for argument in arguments)


def wait_for(condition: Callable[[], T], what: str, deadline: float = DEADLINE) -> T:
    """Return the condition's first true value; raise AssertionError after the deadline."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {deadline:g} seconds: {what}")


def kill_group(process: "subprocess.Popen[Any]") -> None:
    """Kill a process that leads a group, with the group; return when all of them have ended."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not is_running(process.pid), f"{process.args} and its children have ended")


def is_running(group: int) -> bool:
    """Return whether a process of the group runs; containers may keep ended ones listed."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _, number = path.read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
            if int(number) == group and state not in {"Z", "X"}:
                return True
    return False
