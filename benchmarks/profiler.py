"""Where the CPU of a request goes, from samples that py-spy takes of a server under load."""

import re
import signal
from collections import Counter

from benchmarks.measured_server import Load, Server

# Patterns of a frame's file, and the owner of samples whose innermost known frame is of that file.
# Frames of other files, such as those of the standard library, count for their callers.
OWNERS = {
    r"\((logging|structlog|kit/logging\.py)": "logging, structlog",
    r"\(asyncpg/": "asyncpg",
    r"\(sqlalchemy/": "SQLAlchemy",
    r"\((fastapi|starlette)/": "FastAPI, Starlette",
    r"\(pydantic": "Pydantic",
    r"\(uvicorn/": "uvicorn, uvloop, httptools",
    r"\((app|kit)/": "the service's own code",
}
OTHER = "all else"


def cpu_shares(service: Server, load: Load, seconds: int) -> dict[str, float]:
    """Return the share of each owner in the CPU time under this load, from 0 to 1."""
    output = service.folder / f"{load.workload}.raw"
    command = [service.folder / ".venv/bin/py-spy", "record", "--rate", "250", "--format", "raw"]
    # py-spy needs no privileges for a process that it starts itself.
    command += ["--output", output, "--", *service.command]
    profiled = service.variant(name="profile", command=command, stop_signal=signal.SIGINT)
    with profiled.running():
        profiled.measure(load, seconds)
    samples = count_samples(output.read_text("utf-8"))
    return {owner: number / samples.total() for owner, number in samples.items()}


def count_samples(raw: str) -> Counter[str]:
    """Return the samples by owner from py-spy's raw format: a stack and a number on each line."""
    samples: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, number = line.rpartition(" ")
        is_starting = "importlib" in stack or "load_app" in stack
        if not is_starting:
            samples[owner_of(stack)] += int(number)
    return samples


def owner_of(stack: str) -> str:
    """Return the owner of the innermost frame that has one."""
    for frame in reversed(stack.split(";")):
        for pattern, owner in OWNERS.items():
            if re.search(pattern, frame):
                return owner
    return OTHER
