"""Where the CPU of a request goes, by the samples that py-spy takes of a server under load."""

import re
import signal
from collections import Counter

from benchmarks.contestant import Contestant, Load

# Whose time a sample of the profiler is: that of the innermost frame whose file is one of these.
# What is in none of them, Python's own library say, counts to who has called it.
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


def shares(service: Contestant, load: Load, seconds: int) -> dict[str, float]:
    """Return the share of each owner in the CPU under this load, from 0 to 1."""
    output = service.folder / f"{load[0]}.raw"
    spy = [service.folder / ".venv/bin/py-spy", "record", "--rate", "250", "--format", "raw"]
    spy += ["--output", output, "--", *service.command]
    # What py-spy has started itself it may look into, whoever runs it.
    spied = service.again(name="profile", command=spy, end=signal.SIGINT)
    with spied.running():
        spied.load(load, seconds)
    found = owners(output.read_text("utf-8"))
    return {name: samples / found.total() for name, samples in found.items()}


def owners(raw: str) -> Counter[str]:
    """Return the samples by owner, from py-spy's format of a stack and a number in each line."""
    found: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, samples = line.rpartition(" ")
        if "importlib" in stack or "load_app" in stack:  # It starts.
            continue
        named = (
            name
            for frame in reversed(stack.split(";"))
            for pattern, name in OWNERS.items()
            if re.search(pattern, frame)
        )
        found[next(named, OTHER)] += int(samples)
    return found
